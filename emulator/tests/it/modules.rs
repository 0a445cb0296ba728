//! The shape of the crates: no circle among the modules of one (what a module uses does not use it in turn), and a
//! README that begins with what it does not do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{ItemMod, UseTree};

/// A crate's modules, each with the modules that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The paths that a file names, as segments.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

#[test]
fn no_crate_has_a_circle_of_modules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["", "devices", "functions-host", "journal", "provisioning-service", "symmetric-key"];
    let circles: Vec<String> = crates
        .iter()
        .flat_map(|folder| {
            let uses = uses(&root.join(folder).join("src"));
            circles(&uses).into_iter().map(move |circle| format!("{folder}: {circle}"))
        })
        .collect();
    assert!(circles.is_empty(), "modules that use each other:\n{}", circles.join("\n"));
}

/// The order that `provisioning-service/src/lib.rs` states.
#[test]
fn the_rooms_of_the_provisioning_service_use_only_those_after_them() {
    let rooms = [
        "server",
        "device_api",
        "service",
        "allocation",
        "webhook",
        "attestation",
        "store",
        "registration",
        "enrollments",
    ];
    let rank = |module: &str| {
        let room = module.split("::").nth(1).unwrap_or_default();
        rooms.iter().position(|other| *other == room)
    };
    let uses = uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("provisioning-service/src"));
    for (module, used) in &uses {
        for other in used {
            let (Some(one), Some(two)) = (rank(module), rank(other)) else { continue };
            assert!(one <= two, "{module} uses {other}");
        }
    }
}

#[test]
fn each_readme_begins_with_what_the_crate_does_not_do_and_its_links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["", "devices", "functions-host", "journal", "provisioning-service", "symmetric-key"] {
        let text = fs::read_to_string(root.join(folder).join("README.md")).unwrap();
        let first: String = text.lines().filter(|line| !line.is_empty()).take(6).collect();
        assert!(first.contains("not"), "{folder}/README.md begins with: {first}");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let path = root.join(folder).join(link);
            assert!(link.is_empty() || link.contains("://") || path.exists(), "{folder}/README.md: {link}");
        }
    }
}

#[test]
fn a_circle_is_named_by_its_edges() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("lib.rs", "mod a; mod b; mod d;"),
        ("a.rs", "use crate::b::{self, B}; #[cfg(test)] mod tests { use super::*; }"),
        ("b/mod.rs", "mod c; pub use self::c::B;"),
        ("b/c.rs", "pub fn c() { crate::a::a(); super::super::d::d(); }"),
        ("d.rs", "use std::fmt;"),
    ] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert_eq!(circles(&uses(folder.path())), ["crate::a -> crate::b -> crate::b::c -> crate::a"]);
}

/// The circles in `uses`, one for each module that begins one, as its edges.
fn circles(uses: &Uses) -> Vec<String> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for start in uses.keys() {
        if found.iter().flatten().any(|module| module == start) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut ways = vec![vec![start.as_str()]];
        while let Some(way) = ways.pop() {
            for next in &uses[*way.last().unwrap()] {
                let way: Vec<&str> = way.iter().copied().chain([next.as_str()]).collect();
                if next == start {
                    found.push(way);
                    ways.clear();
                    break;
                } else if seen.insert(next) {
                    ways.push(way);
                }
            }
        }
    }
    found.iter().map(|way| way.join(" -> ")).collect()
}

/// The modules of the crate in `src`, by file, and what each uses.
fn uses(src: &Path) -> Uses {
    let mut files = Vec::new();
    collect(src, &mut files);
    let module = |file: &Path| {
        let path = file.strip_prefix(src).unwrap().with_extension("");
        let names = path.iter().map(|name| name.to_str().unwrap());
        names
            .filter(|name| !["lib", "mod"].contains(name))
            .fold("crate".to_owned(), |all, name| format!("{all}::{name}"))
    };
    let modules: BTreeSet<String> = files.iter().map(|file| module(file)).collect();
    assert!(modules.contains("crate"), "{} has no lib.rs", src.display());
    let uses = files.iter().map(|file| {
        let here = module(file);
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
        let used = paths.0.iter().filter_map(|path| resolve(path, &here, &modules));
        (here.clone(), used.filter(|used| *used != here).collect())
    });
    uses.collect()
}

/// The innermost module that `path`, written in the module `here`, leads into.
fn resolve(path: &[String], here: &str, modules: &BTreeSet<String>) -> Option<String> {
    let mut absolute: Vec<&str> = match path.first()?.as_str() {
        "crate" => vec!["crate"],
        "self" | "super" => here.split("::").collect(),
        _ => return None,
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => _ = absolute.pop(),
            name => absolute.push(name),
        }
    }
    let prefixes = (1..=absolute.len()).rev().map(|length| absolute[..length].join("::"));
    prefixes.into_iter().find(|prefix| modules.contains(prefix))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("main.rs") {
            files.push(path);
        }
    }
}

impl Paths {
    fn visit_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.visit_use(&path.tree, &with(&path.ident)),
            UseTree::Name(name) => self.0.push(with(&name.ident)),
            UseTree::Rename(name) => self.0.push(with(&name.ident)),
            UseTree::Glob(_) => self.0.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.visit_use(tree, before)),
        }
    }
}

impl Visit<'_> for Paths {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.visit_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    /// `pub(crate)` uses nothing.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    /// Modules within a file are its tests, which may use what they test.
    fn visit_item_mod(&mut self, _: &ItemMod) {}
}
