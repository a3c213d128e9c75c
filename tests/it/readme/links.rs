//! Every relative link leads somewhere: to a file of the package, and to a heading of it.

use std::fs;
use std::path::Path;

use super::page::{Page, root};

/// The targets of a page's links.
fn links(page: &Page) -> Vec<&str> {
    let targets = page.prose().flat_map(|part| part.split("](").skip(1));
    targets.filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchors that GitHub gives to a page's headings.
fn anchors(page: &Page) -> Vec<String> {
    let headings = page.prose().flat_map(str::lines).filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let anchor =
        |line: &str| -> String { line.trim_start_matches('#').trim().chars().filter(kept).collect() };
    headings.map(|line| anchor(line).to_lowercase().replace(' ', "-")).collect()
}

/// What is wrong with a link of a page.
fn broken(page: &Page, link: &str) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(&page.name).parent().expect("a page has a folder");
    let target = if path.is_empty() { page.name.clone().into() } else { folder.join(path) };
    let file = root().join(&target);
    let what = format!("{}: {link}", page.name);
    if !file.exists() {
        return Some(format!("{what}: there is no such file"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(file).expect("only a page has anchors");
    let target = Page { name: String::new(), text };
    (!anchors(&target).iter().any(|own| own == anchor)).then(|| format!("{what}: there is no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let more = ["CHANGELOG.md", "CONTRIBUTING.md", "deploy/README.md"];
    let more = more.into_iter().filter(|name| root().join(name).exists()).map(Page::read);
    let pages: Vec<_> = Page::all().into_iter().chain(more).collect();
    let all = pages.iter().flat_map(|page| links(page).into_iter().map(move |link| (page, link)));
    let found: Vec<_> = all.clone().filter_map(|(page, link)| broken(page, link)).collect();
    let none: [String; 0] = [];
    assert_eq!(found, none);
    assert!(all.clone().count() >= 20);
    // No page is forgotten.
    for page in Page::all().iter().filter(|page| page.name != "README.md") {
        let file = root().join(&page.name).canonicalize().expect("a file");
        let leads = |(from, link): (&Page, &str)| {
            let target = Path::new(&from.name).with_file_name(link.split('#').next().unwrap_or_default());
            from.name != page.name && root().join(target).canonicalize().is_ok_and(|target| target == file)
        };
        assert!(all.clone().any(leads), "no page links to {}", page.name);
    }
}

#[test]
fn a_broken_link_is_found() {
    let text = "# A page's `title`\n\n[a](#a-pages-title) [b](Cargo.toml) [c](nowhere.md) [d](README.md#nowhere) [e](#nowhere)\n";
    let page = Page { name: "page.md".to_owned(), text: text.to_owned() };
    assert_eq!(anchors(&page), ["a-pages-title"]);
    let own = |link: &&str| !link.starts_with('#') && broken(&page, link).is_some();
    assert_eq!(links(&page).into_iter().filter(own).collect::<Vec<_>>(), ["nowhere.md", "README.md#nowhere"]);
}
