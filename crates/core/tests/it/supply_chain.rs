//! Holds what `SECURITY.md` says about dependencies and packages to the files that make it so:
//! `deny.toml`, `Cargo.lock`, `package.json` and the workflows.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The values of a TOML file.
fn toml(text: &str) -> Value {
    let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{error}"));
    value(&DeValue::Table(table.into_inner()))
}

fn value(from: &DeValue<'_>) -> Value {
    match from {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Array(items) => items.iter().map(|item| value(item.as_ref())).collect(),
        DeValue::Table(table) => {
            let members = table.iter();
            members.map(|(name, item)| (name.as_ref().to_string(), value(item.as_ref()))).collect()
        }
        other => Value::from(format!("{other:?}")),
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Licences that ask for attribution and no more.
const ATTRIBUTION: [&str; 8] =
    ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// What `deny.toml` leaves open of what is promised.
fn gaps(deny: &str) -> Vec<String> {
    let deny = toml(deny);
    let at = |section: &str, name: &str| deny.get(section).and_then(|section| section.get(name));
    let mut gaps = Vec::new();
    for (section, name) in [
        ("bans", "multiple-versions"),
        ("bans", "wildcards"),
        ("sources", "unknown-registry"),
        ("sources", "unknown-git"),
        ("advisories", "yanked"),
    ] {
        if at(section, name).and_then(Value::as_str) != Some("deny") {
            gaps.push(format!("{section}.{name} is not \"deny\""));
        }
    }
    for (section, name) in [
        ("advisories", "ignore"),
        ("licenses", "exceptions"),
        ("licenses", "clarify"),
        ("sources", "allow-git"),
        ("sources", "allow-org"),
        ("sources", "allow-registry"),
        ("graph", "exclude"),
    ] {
        if at(section, name).is_some() {
            gaps.push(format!("{section}.{name} makes exceptions"));
        }
    }
    let allowed = at("licenses", "allow").map(strings).unwrap_or_default();
    if allowed.is_empty() {
        gaps.push("licenses.allow is empty".to_owned());
    }
    gaps.extend(
        allowed
            .iter()
            .filter(|licence| !ATTRIBUTION.contains(licence))
            .map(|licence| format!("{licence} may ask for more than attribution")),
    );
    for list in ["skip", "skip-tree"] {
        for entry in at("bans", list).and_then(Value::as_array).into_iter().flatten() {
            let reason = entry.get("reason").and_then(Value::as_str).unwrap_or_default();
            if reason.len() < 4 {
                gaps.push(format!("bans.{list} gives no reason for {entry}"));
            }
        }
    }
    gaps
}

#[test]
fn dependencies_are_held_to_their_rules() {
    let deny = read("deny.toml");
    assert_eq!(gaps(&deny), Vec::<String>::new());
    for (said, instead) in [
        ("multiple-versions = \"deny\"", "multiple-versions = \"warn\""),
        ("unknown-git = \"deny\"", ""),
        ("unknown-registry = \"deny\"", "unknown-registry = \"allow\""),
        ("yanked = \"deny\"", "yanked = \"deny\"\nignore = [\"RUSTSEC-2026-0001\"]"),
        ("\"ISC\",", "\"ISC\", \"GPL-3.0\","),
        (", reason = \"ring\"", ""),
    ] {
        let open = deny.replacen(said, instead, 1);
        assert_ne!(open, deny, "{said}");
        assert_eq!(gaps(&open).len(), 1, "{instead}: {:?}", gaps(&open));
    }
}

/// Packages of a lock file that are not ours and do not come from crates.io, with a checksum.
fn strangers(lock: &str) -> Vec<String> {
    let lock = toml(lock);
    let packages = lock.get("package").and_then(Value::as_array).expect("packages");
    let text = |package: &Value, name: &str| package.get(name)?.as_str().map(str::to_owned);
    let is_known = |package: &&Value| match text(package, "source").as_deref() {
        Some("registry+https://github.com/rust-lang/crates.io-index") => {
            text(package, "checksum").is_some_and(|sum| sum.len() == 64)
        }
        Some(_) => false,
        None => text(package, "name").is_some_and(|name| name.starts_with("mcp-proxy-")),
    };
    packages
        .iter()
        .filter(|package| !is_known(package))
        .map(|package| text(package, "name").unwrap_or_default())
        .collect()
}

#[test]
fn dependencies_come_from_crates_io_only() {
    let locks = ["Cargo.lock", "crates/core/fuzz/Cargo.lock"].map(read);
    for lock in &locks {
        assert_eq!(strangers(lock), Vec::<String>::new());
    }
    let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
    for elsewhere in ["git+https://example.com/x#1", "registry+https://example.com/index"] {
        assert_eq!(strangers(&locks[0].replacen(crates_io, elsewhere, 1)).len(), 1, "{elsewhere}");
    }
    assert_eq!(strangers(&locks[0].replacen("checksum", "sum", 1)).len(), 1);
}

/// The lines of a workflow's job.
fn job<'a>(workflow: &'a str, name: &str) -> &'a str {
    let start = workflow.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no job {name}"));
    let job = &workflow[start + 1..];
    let next = job
        .match_indices("\n  ")
        .find(|(at, _)| !job[at + 3..].starts_with([' ', '#']) && job[..*at].contains('\n'));
    next.map_or(job, |(at, _)| &job[..at])
}

#[test]
fn every_change_is_checked_against_advisories_and_fuzzed() {
    let ci = read(".github/workflows/ci.yml");
    let triggers = ci.split_once("\npermissions:").expect("permissions").0;
    assert!(triggers.contains("  pull_request:\n") && !triggers.contains("paths"), "{triggers}");
    let (chain, fuzz) = (job(&ci, "supply-chain"), job(&ci, "fuzz"));
    for command in ["cargo deny --locked --workspace check\n", "npm audit\n"] {
        assert!(chain.contains(&format!("- run: {command}")), "{command}: {chain}");
    }
    assert!(fuzz.contains("- run: node scripts/fuzz.mjs --seconds 60\n"), "{fuzz}");
    for job in [chain, fuzz] {
        assert!(!job.contains("continue-on-error") && !job.contains(" if:"), "{job}");
    }
    let pass = job(&ci, "ci-pass");
    let needed = pass.lines().find(|line| line.contains("needs:")).expect("needs");
    assert!(needed.contains("supply-chain") && needed.contains("fuzz"), "{needed}");
    let needed = needed.split(',').count();
    assert!(pass.contains(&format!("\"{}\"", vec!["success"; needed].join(" "))), "{pass}");
}

/// What reads no input of a peer, or has bounds of its own whatever it reads.
const UNMEASURED: [&str; 3] = ["arguments", "challenge", "replay"];

#[test]
fn every_fuzzer_has_inputs_and_a_memory_limit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = toml(&read("crates/core/fuzz/Cargo.toml"));
    let bins = manifest.get("bin").and_then(Value::as_array).expect("targets");
    let built: BTreeSet<_> =
        bins.iter().filter_map(|bin| bin.get("name")?.as_str().map(str::to_owned)).collect();
    let kept: BTreeSet<_> = fs::read_dir(folder.join("corpus"))
        .expect("a corpus")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    assert_eq!(built, kept, "scripts/fuzz.mjs runs what has a corpus");
    for name in built {
        let inputs = fs::read_dir(folder.join("corpus").join(&name)).expect("a corpus").count();
        assert!(inputs > 0, "{name}");
        let target = read(&format!("crates/core/fuzz/targets/{name}.rs"));
        let is_measured = target.contains("mcp_proxy_fuzz::");
        assert!(is_measured || UNMEASURED.contains(&&*name), "{name} does not measure its memory");
    }
}

/// Actions of a workflow that are not pinned by a hash.
fn unpinned(workflow: &str) -> Vec<&str> {
    let named = workflow.lines().filter_map(|line| line.split_once("uses: "));
    let is_hash =
        |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    named
        .map(|(_, action)| action.split(' ').next().unwrap_or_default())
        .filter(|action| !action.rsplit_once('@').is_some_and(|(_, hash)| is_hash(hash)))
        .collect()
}

#[test]
fn packages_are_built_by_pinned_actions_and_published_with_provenance() {
    for path in ["ci", "release"] {
        let workflow = read(&format!(".github/workflows/{path}.yml"));
        assert!(workflow.contains("uses: "), "{path}");
        assert_eq!(unpinned(&workflow), Vec::<&str>::new(), "{path}");
        assert!(workflow.contains("\npermissions: {}\n"), "{path}");
    }
    assert_eq!(unpinned("uses: a/b@v4 # v4"), ["a/b@v4"]);
    let release = read(".github/workflows/release.yml");
    let publish = job(&release, "publish");
    let commands: Vec<&str> = publish.lines().filter(|line| line.contains("npm publish")).collect();
    assert!(!commands.is_empty());
    assert!(commands.iter().all(|command| command.contains(" --provenance")), "{commands:?}");
    assert!(
        publish.contains("if: github.ref_type == 'tag'") && publish.contains("id-token: write")
    );
    let contents = job(&release, "contents");
    assert!(contents.contains("cargo cyclonedx ") && contents.contains("npm sbom "), "{contents}");
    let tried = job(&release, "try");
    assert!(tried.contains("contents]") && publish.contains("needs: try"), "{tried}");
}

#[test]
fn the_npm_package_depends_on_nothing_but_its_own_native_part() {
    let package: Value = serde_json::from_str(&read("package.json")).expect("package.json is JSON");
    for kind in ["dependencies", "optionalDependencies", "bundleDependencies"] {
        assert!(package.get(kind).is_none(), "{kind}");
    }
    let peers = package["peerDependencies"].as_object().expect("peers");
    for peer in peers.keys() {
        assert_eq!(package["peerDependenciesMeta"][peer]["optional"], true, "{peer}");
    }
    let packed = read("npm/pack.js");
    let own = "optionalDependencies: Object.fromEntries(napi.targets.map((target) =>";
    assert!(packed.contains(own), "the platforms' packages, and no others");
    assert_eq!(packed.matches("dependencies").count(), 0);
}
