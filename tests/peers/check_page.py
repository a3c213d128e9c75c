#!/usr/bin/env python3
"""Opens pages of chime-sweep in headless Chromium, and checks what is rendered against the summaries' JSON.

usage: check_page.py CHIME_SWEEP [SCREENSHOTS]

Simulates runs with that program: a rough night, one with more failures than a page shows, and one in several accounts.
Prints one line per check; exits 1 if any of them failed. Needs selenium, chromium and chromium-driver; no network.
With a folder for SCREENSHOTS it leaves a picture of each page, theme and width there.
"""

import base64
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
CHIME_SWEEP = Path(sys.argv[1]).resolve()
PICTURES = Path(sys.argv[2]) if len(sys.argv) == 3 else None
SCENARIOS = Path(__file__).parents[2] / "fixtures/scenarios"
# The widths of a small phone, of a small window and of a desktop's.
WIDTHS = (360, 800, 1200)
# Rows of a page with scripts, and at most on a page.
PAGE, MOST = 50, 5000
failures = 0

# A cell that must not become a part of the page, and code between backticks.
EVIL = "<img src=x onerror=document.title=1> not `<b>allowed</b>` in `vc-1`"
MANY = f"""
throttle = {{ rate = 40, burst = 10 }}
number_error = [
  {{ p = 0.6, code = "NotFound", message = "the number is not on the connector" }},
  {{ p = 0.9, code = "Forbidden", message = "{EVIL}" }},
]
"""
LANES = """
latency = { mean = "20ms" }
[[lane]]
region = "eu-west-2"
fault = [{ does.error = { status = 403, code = "ExpiredTokenException", message = "the token `x` has expired" } }]
[[lane]]
account = "222222222222"
throttle = { rate = 20, burst = 2 }
"""


class Run:
    """A simulated run, and what it has written."""

    def __init__(self, folder, name, numbers, scenario, *options):
        self.name, folder = name, folder / name
        folder.mkdir()
        if isinstance(numbers, str):
            (folder / "numbers.csv").write_text(numbers)
            (folder / "scenario.toml").write_text(scenario)
            numbers, scenario = folder / "numbers.csv", folder / "scenario.toml"
        self.page, summary, report = (folder / it for it in ("page.html", "summary.json", "report.csv"))
        command = [CHIME_SWEEP, "run", numbers, "--simulate", "--scenario", scenario, "--quiet", "--output", report]
        command += ["--summary-json", summary, "--html", self.page, *options]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if ended.returncode not in (0, 3, 4):
            sys.exit(f"{name}: exit code {ended.returncode}\n{ended.stderr}")
        self.summary = json.loads(summary.read_text())
        self.rows = list(csv.DictReader(report.open(newline="", encoding="utf-8-sig")))
        names = ("phonenumber", "e164phonenumber")
        self.number = next(name for name in self.rows[0] if name.lower().replace("_", "") in names)
        self.troubled = [row for row in self.rows if row["status"] not in ("succeeded", "duplicate")]


def many_numbers():
    return "voice_connector_id,phone_number\n" + "".join(f"vc-{n % 60},+1206{n:07}\n" for n in range(7000))


def numbers_of_lanes():
    lanes = [(profile, region) for profile in ("111111111111", "222222222222") for region in ("us-east-1", "eu-west-2")]
    rows = (f"vc,+1206{n:07},{','.join(lanes[n % len(lanes)])}\n" for n in range(800))
    return "voice_connector_id,phone_number,profile,region\n" + "".join(rows)


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


def show(driver, run, theme, width, scripts=True):
    feature = {"name": "prefers-color-scheme", "value": theme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    driver.get(run.page.as_uri())


def picture(driver, run, theme, width):
    if PICTURES:
        clip = {"x": 0, "y": 0, "width": width, "height": 6000, "scale": 1}
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        (PICTURES / f"{run.name}-{theme}-{width}.png").write_bytes(base64.b64decode(shot["data"]))


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


def check_outcome(driver, run, width):
    segments = driver.execute_script(SEGMENTS)
    counts = {status: count for status, count, _ in segments}
    expected = {status: count for status, count in run.summary["rows"].items() if status != "total" and count}
    check(f"{run.name} {width}: the bar's counts are the summary's", counts == expected, f"{counts} {expected}")
    in_report = {}
    for row in run.rows:
        in_report[row["status"]] = in_report.get(row["status"], 0) + 1
    check(f"{run.name} {width}: and the report's", counts == in_report, f"{counts} {in_report}")
    whole = driver.execute_script('return document.querySelector(".bar").getBoundingClientRect().width')
    check(f"{run.name} {width}: the segments fill the bar", abs(sum(it[2] for it in segments) - whole) < 1, segments)
    off = [it for it in segments if abs(it[2] - whole * it[1] / run.summary["rows"]["total"]) > 0.5]
    check(f"{run.name} {width}: each segment is as long as its share", not off, off)


def check_layout(driver, run, theme, width):
    here = f"{run.name} {theme} {width}"
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
q.dispatchEvent(new Event("input")); s.dispatchEvent(new Event("change"));"""
# The rows that are shown on all pages, one after the other, and what the first page says.
PAGES = """
const [on, texts, said] = [document.getElementById("on"), [], document.getElementById("shown").textContent];
for (;;) {
    const shown = [...document.querySelectorAll("#table tbody tr")].filter(it => it.getClientRects().length);
    texts.push(shown.map(it => it.textContent));
    if (!on.getClientRects().length || on.disabled) return [texts, said];
    on.click();
}"""


def search(driver, query, status=""):
    driver.execute_script(SEARCH, query, status)
    pages, said = driver.execute_script(PAGES)
    return [text for page in pages for text in page], said


def check_search(driver, run):
    name, count = run.name, min(len(run.troubled), MOST)
    all_rows, said = search(driver, "")
    check(f"{name}: all rows that did not succeed are listed", len(all_rows) == count, f"{len(all_rows)} {count}")
    check(f"{name}: it says which", said == f"1 to {min(PAGE, count)} of {count:,} rows", said)
    row = run.troubled[min(count, 4000) - 1]
    code, digits = row["error_code"], row[run.number][-4:]
    found, said = search(driver, f"{code.upper()} {digits}")
    check(f"{name}: the search finds a row by its code and last digits", 0 < len(found) < count, len(found))
    check(f"{name}: and only such rows", all(code in text and digits in text for text in found), found[:3])
    check(f"{name}: it says how many", said.endswith(f" of {len(found):,} found, of {count:,} rows"), said)
    if count == len(run.troubled):
        unknown = sum(row["status"] == "unknown" for row in run.troubled)
        found, said = search(driver, "", "unknown") if unknown else ([], "")
        check(f"{name}: the status filters, too", len(found) == unknown, said)
    found, said = search(driver, "no such text anywhere")
    check(f"{name}: nothing is found where nothing is", not found and said.startswith("0 found"), said)
    search(driver, "")


def check_pages(driver, run):
    show(driver, run, "light", 360)
    lengths = [len(page) for page in driver.execute_script(PAGES)[0]]
    check(f"{run.name}: {MOST:,} rows are on pages of {PAGE}", lengths == [PAGE] * (MOST // PAGE), lengths)
    where = 'return [scrollY, document.getElementById("find").getBoundingClientRect().top, innerHeight, document.getElementById("back").disabled]'
    driver.execute_script('document.getElementById("back").scrollIntoView(); document.getElementById("back").click()')
    y, top, height, is_first = driver.execute_script(where)
    check(f"{run.name}: a page that is turned begins at its top", y > 0 and -1 <= top < height / 2 and not is_first, [y, top])
    before = time.monotonic()
    show(driver, run, "light", 360)
    took, size = time.monotonic() - before, run.page.stat().st_size
    drawn = driver.execute_script("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    check(f"{run.name}: {MOST:,} rows load in {drawn:.0f} ms ({took:.1f} s with the driver), {size / 1e6:.1f} MB", size < 3.5e6)
    length = driver.execute_script("return document.documentElement.scrollHeight")
    check(f"{run.name}: the page is not endless on a phone", length < 40_000, length)


def check_lanes(driver, run):
    table = """return [...document.querySelectorAll(".lanes tbody tr")].map(row => [...row.children].map(it => it.innerText.trim()))"""
    shown, lanes = driver.execute_script(table), run.summary["lanes"]
    columns = ("succeeded", "failed", "unknown")
    expected = sorted([it["name"], "\n".join(filter(None, [it["account_id"], it["region"]])), *(f"{it[of]:,}" for of in columns)] for it in lanes)
    check(f"{run.name}: each account and region is listed", sorted(row[:5] for row in shown) == expected and len(expected) == 4, shown)
    stopped = {it["name"] for it in lanes if it["stopped"]}
    first = {row[0] for row in shown[: len(stopped)]}
    check(f"{run.name}: what stopped early comes first", stopped and first == stopped, f"{first} {stopped}")
    check(f"{run.name}: and says why", all("ExpiredToken" in row[9] for row in shown[: len(stopped)]), shown)


TEXT = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement.tagName !== "SCRIPT" && text.textContent.includes("`")) found.push(text.textContent);
}
return found"""


def check_text(driver, run):
    ticks = driver.execute_script(TEXT)
    check(f"{run.name}: no backtick is in the text", not ticks, ticks[:3])
    began = run.summary["started_at"]
    header = driver.execute_script('return document.querySelector("header .mark").innerText')
    day, clock = time.strptime(began[:10], "%Y-%m-%d"), began[11:19]
    date = f"{day.tm_mday} {time.strftime('%B %Y', day)}"
    check(f"{run.name}: the date is in the header", f"{date}, {clock} to " in header and header.endswith(" UTC"), header)
    check(f"{run.name}: and in the title", f" · {date} · " in driver.title, driver.title)
    worst, counts = max(run.summary["connectors"].items(), key=lambda it: sum(it[1]["errors"].values()))
    cells = driver.execute_script('return [...document.querySelectorAll(".connectors tbody tr:first-child > *")].map(it => it.innerText)')
    code, rows = max(counts["errors"].items(), key=lambda it: it[1])
    check(f"{run.name}: the worst connector comes first, with its errors", f"{code} {rows:,}" in cells[4], f"{worst} {cells}")


def check_numbers(driver, run):
    source = set(re.findall(r"\d{7,15}", run.page.read_text()))
    numbers = [row[run.number].lstrip("+") for row in run.rows]
    whole = [number for number in numbers if number in source]
    check(f"{run.name}: no whole number is in the page", not whole, whole[:3])
    shown = driver.execute_script('return [...document.querySelectorAll(".rows .number")].map(it => it.textContent)')
    check(f"{run.name}: the last four digits are", any(re.fullmatch(r"…\d{4}", text) for text in shown), shown[:3])


def check_structure(driver, run):
    headless = driver.execute_script(
        'return [...document.querySelectorAll("table")].filter(it => !it.querySelector("thead th[scope=col]")).length'
    )
    check(f"{run.name}: every table has headers", headless == 0, headless)
    levels = driver.execute_script('return [...document.querySelectorAll("h1,h2,h3")].map(it => Number(it.tagName[1]))')
    steps = all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    check(f"{run.name}: the headings have an order", levels[0] == 1 and levels.count(1) == 1 and steps, levels)
    named = driver.execute_script(
        'return [...document.querySelectorAll("[role=img]")].every(it => it.getAttribute("aria-label"))'
    )
    check(f"{run.name}: every picture has a text", named)
    check(f"{run.name}: no cell ran as a script", driver.title.endswith(f" · {run.summary['report']}"), driver.title)


def check_quiet(driver, run):
    errors = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    check(f"{run.name}: the console is silent", not errors, errors)
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = [it["params"]["request"]["url"] for it in messages if it["method"] == "Network.requestWillBeSent"]
    others = [url for url in sent if url.startswith(("http", "ws", "ftp")) or url.startswith("file") and url != run.page.as_uri()]
    check(f"{run.name}: nothing but the page is requested", sent and not others, others)


def check_run(driver, run):
    driver.get_log("performance")  # of the page before
    grounds = {}
    for width in WIDTHS:
        for theme in ("light", "dark"):
            show(driver, run, theme, width)
            grounds[theme] = check_layout(driver, run, theme, width)
            picture(driver, run, theme, width)
        check_outcome(driver, run, width)
    is_dark = luminance(grounds["dark"]) < 0.1 < 0.8 < luminance(grounds["light"])
    check(f"{run.name}: dark is not light", is_dark, grounds)
    check_text(driver, run)
    check_search(driver, run)
    check_numbers(driver, run)
    check_structure(driver, run)
    check_quiet(driver, run)
    show(driver, run, "light", 360, scripts=False)
    picture(driver, run, "without-scripts", 360)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    seen = driver.execute_script("""
        const shown = () => [...document.querySelectorAll("#table tbody tr")].filter(it => it.checkVisibility()).length;
        const first = shown();
        document.querySelectorAll("#table details").forEach(it => it.open = true);
        return [document.getElementById("find").hidden && document.getElementById("pages").hidden, first, shown(),
            document.documentElement.scrollWidth]""")
    count = min(len(run.troubled), MOST)
    holds = seen == [True, min(count, 100), count, 360]
    check(f"{run.name}: without scripts the rows unfold, and no field or button is dead", holds, seen)


driver = browser()
try:
    with tempfile.TemporaryDirectory() as folder:
        rough = SCENARIOS / "numbers.csv", SCENARIOS / "rough-night.toml"
        runs = [
            Run(Path(folder), "rough", *rough, "--batch-size", "5"),
            Run(Path(folder), "many", many_numbers(), MANY, "--max-failures", "100%"),
            Run(Path(folder), "lanes", numbers_of_lanes(), LANES, "--batch-size", "4", "--give-up-after", "2s"),
        ]
        for run in runs:
            check_run(driver, run)
        check_pages(driver, runs[1])
        show(driver, runs[2], "light", 1200)
        check_lanes(driver, runs[2])
finally:
    driver.quit()
sys.exit(failures > 0)
