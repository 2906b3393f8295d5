//! A whole file: its dialect, its servers, and the proxy's own settings in it.

use std::sync::Arc;

use super::{
    block::{self, Group},
    dialect::{self, Dialect},
    document::{self, Source, Value},
    draft::{self, Draft},
    fault::{Fault, quoted},
    inputs::{self, Input},
    members::{Members, Unused},
    setting::{DraftSetting, Setting, Vocabulary},
    variables::{Expansion, Variables},
};
use crate::config::{Policy, Rules, prefix};

/// A file that was read; its variables are not expanded yet.
#[derive(Clone, Debug)]
pub struct Manifest {
    source: Source,
    dialect: Dialect,
    drafts: Vec<Draft>,
    settings: Vec<DraftSetting>,
    groups: Vec<Group>,
    policy: Policy,
    inputs: Vec<Input>,
    unused: Vec<Unused>,
}

/// A server with its variables expanded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in the file.
    pub name: String,
    /// Its place in the file.
    pub position: super::fault::Position,
    /// How it is reached, or why that is not known.
    pub launch: Result<Start, Fault>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Which of its tools, prompts and resources are served.
    pub rules: Rules,
    /// What its callers may do, besides the rules for all servers.
    pub policy: Policy,
    /// Whether the proxy is ready only while this server is up.
    pub required: bool,
    /// Whether it is started only when a client first needs it.
    pub lazy: bool,
}

/// How a server is reached, in the command line's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Program and arguments; or the URL alone.
    pub words: Vec<String>,
    /// In ascending order of precedence.
    pub settings: Vec<Setting>,
}

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with the file as a whole; faults of one server are in its [`Entry`].
    pub fn read(
        file: &str,
        bytes: impl Into<Vec<u8>>,
        told: Option<Dialect>,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Fault> {
        let source = Source::new(file, bytes.into())?;
        let tree = document::read(&source)?;
        let shape = dialect::recognise(&tree, &source, told)?;
        let top = Members::of(&tree, "", &source)?;
        let servers = Members::of(shape.servers, shape.key, &source)?;
        let read = |member| draft::read(shape.key, member, &source, shape.dialect, vocabulary);
        let mut drafts: Vec<Draft> = servers.all().iter().map(read).collect::<Result<_, _>>()?;
        let block = block::of_top(&top, vocabulary, shape.servers)?;
        let inputs = inputs::read(&top)?;
        // Read here so that they do not count as unused.
        for name in [shape.key, "$schema"] {
            top.get(name);
        }
        restrict_servers(&top, &mut drafts)?;
        refuse_equal_prefixes(&mut drafts, &source);
        let unused = top.unused().into_iter().chain(drafts.iter().flat_map(|d| d.unused.clone()));
        Ok(Self {
            dialect: shape.dialect,
            unused: unused.collect(),
            settings: block.settings,
            groups: block.groups,
            policy: block.policy,
            source: source.clone(),
            drafts,
            inputs,
        })
    }

    /// Its dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file as the user named it.
    pub fn file(&self) -> Arc<str> {
        self.source.file().into()
    }

    /// Members that mean nothing to the proxy, in the order of the file.
    pub fn unused(&self) -> &[Unused] {
        &self.unused
    }

    /// What its servers use as `${input:id}` without a default, in the order of the file: as
    /// declared in the file, or only the id.
    pub fn inputs(&self) -> Vec<Input> {
        const START: &str = "${input:";
        let mut ids: Vec<&str> = Vec::new();
        for (at, _) in self.source.text().match_indices(START) {
            let rest = self.source.text().get(at + START.len()..).unwrap_or_default();
            let id = rest.split('}').next().unwrap_or_default();
            if !ids.contains(&id) && !id.contains([':', '"', '\n']) {
                ids.push(id);
            }
        }
        let declared = |id: &&str| self.inputs.iter().find(|input| input.id == **id).cloned();
        ids.iter().map(|id| declared(id).unwrap_or_else(|| Input::undeclared(id))).collect()
    }

    /// Groups of servers, in the order of the file.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.groups.iter().map(|group| (group.name.as_str(), group.servers.as_slice()))
    }

    /// What callers may do with every server.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The settings of the block at the top.
    ///
    /// # Errors
    /// A variable that is not set: a missing key must not leave the port open.
    pub fn settings(&self, variables: &Variables) -> Result<Vec<Setting>, Fault> {
        let expansion = self.expansion(variables);
        self.settings.iter().map(|setting| setting.expand(&expansion)).collect()
    }

    /// The servers, in the order of the file.
    pub fn entries(&self, variables: &Variables) -> Vec<Entry> {
        let expansion = self.expansion(variables);
        let entry = |draft: &Draft| Entry {
            name: draft.name.value.clone(),
            position: self.source.position(draft.name.at),
            launch: start(draft, &expansion),
            enabled: draft.enabled,
            rules: draft.rules.clone(),
            policy: draft.policy.clone(),
            required: draft.required,
            lazy: draft.lazy,
        };
        self.drafts.iter().map(entry).collect()
    }

    fn expansion<'a>(&'a self, variables: &'a Variables) -> Expansion<'a> {
        Expansion { source: &self.source, dialect: self.dialect, variables, keeps_claims: false }
    }
}

fn start(draft: &Draft, expansion: &Expansion<'_>) -> Result<Start, Fault> {
    let launch = draft.launch.as_ref().map_err(Clone::clone)?;
    let words = launch.words.iter().map(|word| expansion.expand(word));
    let settings = launch.settings.iter().map(|setting| setting.expand(expansion));
    Ok(Start {
        words: words.collect::<Result<_, _>>()?,
        settings: settings.collect::<Result<_, _>>()?,
    })
}

/// The lists of Gemini CLI that select servers.
fn restrict_servers(top: &Members<'_>, drafts: &mut [Draft]) -> Result<(), Fault> {
    let Some(member) = top.get("mcp").filter(|member| matches!(member.node.value, Value::Table(_)))
    else {
        return Ok(());
    };
    let lists = Members::of(&member.node, "mcp", top.source)?;
    let allowed = lists.texts("allowed")?;
    let excluded = lists.texts("excluded")?.unwrap_or_default();
    for draft in drafts {
        let name = &draft.name.value;
        let is_in = |list: &[super::members::Text]| list.iter().any(|text| text.value == *name);
        draft.enabled &= allowed.as_ref().is_none_or(|allowed| is_in(allowed)) && !is_in(&excluded);
    }
    Ok(())
}

/// If two merged servers had the same prefix, calls could reach the wrong one.
fn refuse_equal_prefixes(drafts: &mut [Draft], source: &Source) {
    let prefixes: Vec<Option<String>> = drafts
        .iter()
        .map(|draft| {
            let name = &draft.name.value;
            let is_served = draft.enabled && draft::usable_name(name).is_ok();
            is_served.then(|| prefix(name).to_lowercase())
        })
        .collect();
    for index in 0..drafts.len() {
        let Some(prefix) = &prefixes[index] else { continue };
        let same = |other: &usize| *other != index && prefixes[*other].as_ref() == Some(prefix);
        let twin = (0..drafts.len()).find(same);
        let Some(twin) = twin else { continue };
        let message = format!(
            "the names {} and {} (at {}) are the same when servers are merged; rename one of them",
            quoted(&drafts[index].name.value),
            quoted(&drafts[twin].name.value),
            source.position(drafts[twin].name.at),
        );
        drafts[index].launch = Err(source.fault(drafts[index].name.at, message));
    }
}
