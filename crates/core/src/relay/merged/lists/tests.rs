//! Any lists, merged: each entry once, in order, whatever the pages are.

use std::collections::BTreeSet;

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::*;
use crate::jsonrpc::escape;

fn page(entries: &Value, next: Option<&str>, asked: Option<&str>) -> Page {
    let mut result = json!({"tools": entries, "ttlMs": 5, "cacheScope": "public"});
    if let Some(next) = next {
        result["nextCursor"] = next.into();
    }
    let text = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let asked = asked.map(|asked| escape(asked).into_bytes());
    Page::of(Message::parse(text.into()).unwrap(), Listed::tools(), asked).unwrap()
}

fn part(name: &str, pages: Option<Vec<Page>>) -> Part {
    Part { name: name.to_owned(), pages: pages.map(|pages| (pages, 0)) }
}

fn named(place: usize, page: &Page, entry: Entry) -> Option<Vec<u8>> {
    Some(escape(&format!("{place}__{}", page.name(entry)?)).into_bytes())
}

fn folded(parts: &[Part]) -> (Vec<String>, Next) {
    let (list, next) = fold(Listed::tools(), parts, named);
    let list: Vec<Value> =
        serde_json::from_slice(&[b"[", &list[..], b"]"].concat()).expect("a list");
    (list.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect(), next)
}

#[test]
fn nothing_but_the_name_is_touched() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"x" : 1.0, "name":"a", "é":"\u00e9"} ,{"name":"b"}]}}"#;
    let page = Page::of(Message::parse(text.into()).unwrap(), Listed::tools(), None).unwrap();
    let (list, next) = fold(Listed::tools(), &[part("s", Some(vec![page]))], named);
    let expected = r#"{"x" : 1.0, "name":"0__a", "é":"\u00e9"},{"name":"0__b"}"#;
    assert_eq!((String::from_utf8(list).unwrap().as_str(), next), (expected, None));
}

#[test]
fn what_has_no_name_or_the_same_one_is_left_out() {
    let list = json!([{"name": "a"}, {"title": "b"}, {"name": 7}, {"name": "a", "x": 1}]);
    let parts = [part("s", Some(vec![page(&list, None, None)]))];
    assert_eq!(folded(&parts), (vec!["0__a".to_owned()], None));
}

#[test]
fn who_is_left_out_is_named() {
    let full = part("up", Some(vec![page(&json!([{"name": "a"}]), None, None)]));
    let parts = [full.clone(), part("do\"wn", None)];
    let text = result(Listed::tools(), &parts, (b"{}", Some("next")), true);
    let read: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        read,
        json!({"resultType": "complete", "tools": [{}], "nextCursor": "next", "ttlMs": 0,
            "cacheScope": "public", "_meta": {UNAVAILABLE: ["do\"wn"]}})
    );
    let text = result(Listed::tools(), &[full], (b"", None), true);
    let read: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&read["ttlMs"], &read["cacheScope"]), (&json!(5), &json!("public")));
    assert_eq!(result(Listed::tools(), &[], (b"", None), false), br#"{"tools":[]}"#);
}

#[test]
fn a_page_is_bounded_by_bytes_too() {
    let big = "x".repeat(MAX_BYTES / 2);
    let list = json!([{"name": "a", "t": big}, {"name": "b", "t": big}, {"name": "c"}]);
    let parts = [part("s", Some(vec![page(&list, None, Some("p"))]))];
    let (names, next) = folded(&parts);
    assert_eq!(names, ["0__a"]);
    assert_eq!(next, Some((0, Place { page: Some(b"\"p\"".to_vec()), skip: 1 })));
}

/// Reads the lists of all servers to their ends, as a client does; `sizes` are the page sizes of
/// the servers.
fn walked(counts: &[usize], sizes: &[usize]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at: Vec<Option<Place>> = vec![Some(Place::default()); counts.len()];
    loop {
        let parts = counts.iter().zip(sizes).zip(&at).map(|((&count, &size), at)| {
            let Some(at) = at else { return part("done", Some(Vec::new())) };
            let mut pages = Vec::new();
            let mut asked = at.page.clone().map(|raw| serde_json::from_slice(&raw).unwrap());
            let mut entries = 0;
            while entries < MAX_ENTRIES + at.skip as usize {
                let start: usize =
                    asked.as_ref().map_or(0, |asked: &String| asked.parse().unwrap());
                let end = (start + size).min(count);
                let list: Vec<_> =
                    (start..end).map(|tool| json!({"name": tool.to_string()})).collect();
                entries += list.len();
                let next = (end < count).then(|| end.to_string());
                pages.push(page(&list.into(), next.as_deref(), asked.as_deref()));
                asked = next;
                if asked.is_none() {
                    break;
                }
            }
            Part { name: "s".to_owned(), pages: Some((pages, at.skip)) }
        });
        let parts: Vec<Part> = parts.collect();
        let (page, next) = folded(&parts);
        assert!(page.len() <= MAX_ENTRIES);
        names.extend(page);
        let Some((place, from)) = next else { return names };
        at.iter_mut().take(place).for_each(|at| *at = None);
        at[place] = Some(from);
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    #[test]
    fn paging_visits_each_entry_once(
        lists in prop::collection::vec((0..1500_usize, 1..700_usize), 0..4),
    ) {
        let (counts, sizes): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let names = walked(&counts, &sizes);
        let expected: Vec<String> = counts
            .iter()
            .enumerate()
            .flat_map(|(server, count)| (0..*count).map(move |tool| format!("{server}__{tool}")))
            .collect();
        prop_assert_eq!(names, expected);
    }

    #[test]
    fn every_entry_of_any_list_is_there_once(
        lists in prop::collection::vec(prop::collection::vec(any::<String>(), 0..9), 0..5),
    ) {
        let parts: Vec<Part> = lists
            .iter()
            .map(|names| {
                let list: Vec<_> = names.iter().map(|name| json!({"name": name, "x": 1})).collect();
                part("s", Some(vec![page(&list.into(), None, None)]))
            })
            .collect();
        let (names, _) = folded(&parts);
        let expected: BTreeSet<String> = lists
            .iter()
            .enumerate()
            .flat_map(|(place, names)| names.iter().map(move |name| format!("{place}__{name}")))
            .collect();
        prop_assert!(names.len() == expected.len());
        prop_assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
