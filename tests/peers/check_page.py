#!/usr/bin/env python3
"""Opens a page of chime-sweep in headless Chromium, and checks what is rendered against the summary's JSON.

usage: check_page.py PAGE.html SUMMARY.json REPORT.csv [SCREENSHOTS]

Prints one line per check; exits 1 if any of them failed. Needs selenium, chromium and chromium-driver; no network.
With a folder for SCREENSHOTS it leaves a picture of each theme and width there.
"""

import base64
import csv
import json
import re
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

if len(sys.argv) not in (4, 5):
    sys.exit(__doc__)
PAGE, SUMMARY, REPORT = (Path(argument).resolve() for argument in sys.argv[1:4])
PICTURES = Path(sys.argv[4]) if len(sys.argv) == 5 else None
summary = json.loads(SUMMARY.read_text())
report = list(csv.DictReader(REPORT.open(newline="", encoding="utf-8-sig")))
NUMBER = next(name for name in report[0] if name.lower().replace("_", "") in ("phonenumber", "e164phonenumber"))
failures = 0


def check(name, holds, detail=""):
    global failures
    failures += not holds
    print(f"ok    {name}" if holds else f"FAIL  {name}  {detail}")


def browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking"]:
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def show(driver, theme, width, scripts=True):
    feature = {"name": "prefers-color-scheme", "value": theme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    driver.get(PAGE.as_uri())


def picture(driver, theme, width):
    if PICTURES:
        clip = {"x": 0, "y": 0, "width": width, "height": 3000, "scale": 1}
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        (PICTURES / f"{theme}-{width}.png").write_bytes(base64.b64decode(shot["data"]))


def luminance(colour):
    def linear(part):
        part /= 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(float(part)) for part in re.findall(r"[\d.]+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, two):
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


SEGMENTS = """return [...document.querySelectorAll(".bar rect")].map(it =>
    [it.dataset.status, Number(it.dataset.count), it.getBoundingClientRect().width])"""
# The text of each kind of element, with its background.
TEXTS = """
const ground = it => { for (; it; it = it.parentElement) { const c = getComputedStyle(it).backgroundColor;
    if (!/, 0\\)$/.test(c)) return c; } };
const kinds = "p, h1, h2, h3, dt, dd, li, th, td, code, summary, .share, .meaning, .tag, .words, .when, output, label";
const seen = {};
for (const it of document.querySelectorAll(kinds)) if (it.textContent.trim() && it.getClientRects().length)
    seen[it.tagName + "." + it.className] ??= [getComputedStyle(it).color, ground(it)];
return seen"""


def check_outcome(driver, width):
    segments = driver.execute_script(SEGMENTS)
    counts = {status: count for status, count, _ in segments}
    expected = {status: count for status, count in summary["rows"].items() if status != "total" and count}
    check(f"{width}: the bar's counts are the summary's", counts == expected, f"{counts} {expected}")
    in_report = {}
    for row in report:
        in_report[row["status"]] = in_report.get(row["status"], 0) + 1
    check(f"{width}: and the report's", counts == in_report, f"{counts} {in_report}")
    whole = driver.execute_script('return document.querySelector(".bar").getBoundingClientRect().width')
    check(f"{width}: the segments fill the bar", abs(sum(it[2] for it in segments) - whole) < 1, segments)
    off = [it for it in segments if abs(it[2] - whole * it[1] / summary["rows"]["total"]) > 0.5]
    check(f"{width}: each segment is as long as its share", not off, off)


def check_layout(driver, theme, width):
    here = f"{theme} {width}"
    scroll = driver.execute_script("return document.documentElement.scrollWidth")
    check(f"{here}: nothing scrolls sideways", scroll <= width, scroll)
    drawn = driver.execute_script(
        'return [...document.querySelectorAll(".chart")].filter(it => it.getClientRects().length).length'
    )
    check(f"{here}: one chart is shown", drawn == 1, drawn)
    colour = driver.execute_script(
        'return getComputedStyle(document.querySelector(".chart .k-answered")).fill'
    )
    check(f"{here}: the chart has the theme's colors", colour != "rgb(0, 0, 0)", colour)
    low = {kind: pair for kind, pair in driver.execute_script(TEXTS).items() if contrast(*pair) < 4.5}
    check(f"{here}: every text has a contrast of 4.5 or more", not low, low)
    return driver.execute_script("return getComputedStyle(document.body).backgroundColor")


SEARCH = """
const q = document.getElementById("q"), s = document.getElementById("s");
q.value = arguments[0]; s.value = arguments[1];
q.dispatchEvent(new Event("input")); s.dispatchEvent(new Event("change"));
const shown = [...document.querySelectorAll("#table tbody tr")].filter(it => it.getClientRects().length);
return [shown.map(it => it.textContent), document.getElementById("shown").textContent]"""


def check_search(driver):
    troubled = [row for row in report if row["status"] not in ("succeeded", "duplicate")]
    all_rows, said = driver.execute_script(SEARCH, "", "")
    check("all rows that did not succeed are listed", len(all_rows) == len(troubled), f"{len(all_rows)} {len(troubled)}")
    row = troubled[-1]
    code, digits = row["error_code"], row[NUMBER][-4:]
    found, said = driver.execute_script(SEARCH, f"{code.upper()} {digits}", "")
    check("the search finds a row by its code and last digits", 0 < len(found) < len(all_rows), len(found))
    check("and only such rows", all(code in text and digits in text for text in found), found[:3])
    check("it says how many", said == f"{len(found):,} of {len(all_rows):,} rows", said)
    unknown = sum(row["status"] == "unknown" for row in troubled)
    found, said = driver.execute_script(SEARCH, "", "unknown") if unknown else ([], "")
    check("the status filters, too", len(found) == unknown, said)
    found, said = driver.execute_script(SEARCH, "no such text anywhere", "")
    check("nothing is found where nothing is", not found and said.startswith("0 of "), said)


def check_numbers(driver):
    source = PAGE.read_text()
    numbers = [row[NUMBER].lstrip("+") for row in report]
    whole = [number for number in numbers if re.fullmatch(r"\d{7,15}", number) and number in source]
    check("no whole number is in the page", not whole, whole[:3])
    shown = driver.execute_script('return [...document.querySelectorAll(".rows .number")].map(it => it.textContent)')
    check("the last four digits are", any(re.fullmatch(r"…\d{4}", text) for text in shown), shown[:3])


def check_structure(driver):
    headless = driver.execute_script(
        'return [...document.querySelectorAll("table")].filter(it => !it.querySelector("thead th[scope=col]")).length'
    )
    check("every table has headers", headless == 0, headless)
    levels = driver.execute_script('return [...document.querySelectorAll("h1,h2,h3")].map(it => Number(it.tagName[1]))')
    steps = all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    check("the headings have an order", levels[0] == 1 and levels.count(1) == 1 and steps, levels)
    named = driver.execute_script(
        'return [...document.querySelectorAll("[role=img]")].every(it => it.getAttribute("aria-label"))'
    )
    check("every picture has a text", named)
    check("no cell ran as a script", driver.title.endswith(f" · {summary['report']}"), driver.title)


def check_quiet(driver):
    errors = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    check("the console is silent", not errors, errors)
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = [it["params"]["request"]["url"] for it in messages if it["method"] == "Network.requestWillBeSent"]
    others = [url for url in sent if url.startswith(("http", "ws", "ftp")) or url.startswith("file") and url != PAGE.as_uri()]
    check("nothing but the page is requested", sent and not others, others)


driver = browser()
try:
    grounds = {}
    for width in (390, 1280):
        for theme in ("light", "dark"):
            show(driver, theme, width)
            grounds[theme] = check_layout(driver, theme, width)
            picture(driver, theme, width)
        check_outcome(driver, width)
    check("dark is not light", luminance(grounds["dark"]) < 0.1 < 0.8 < luminance(grounds["light"]), grounds)
    check_search(driver)
    check_numbers(driver)
    check_structure(driver)
    check_quiet(driver)
    show(driver, "light", 390, scripts=False)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    seen = driver.execute_script('return [document.getElementById("find").hidden, document.querySelectorAll("#table tbody tr").length]')
    check("without scripts the rows are there, and no dead search field", seen[0] and seen[1] > 0, seen)
finally:
    driver.quit()
sys.exit(failures > 0)
