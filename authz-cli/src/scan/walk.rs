//! The walk through the module tree: which code is there, and what each piece of it means for the models.

use std::collections::HashSet;
use std::mem;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::visit::Visit as _;
use syn::{Attribute, Expr, File, Item, ItemMod, Lit, Meta};

use super::cfg::{Cfg, Resolved};
use super::names::Names;
use super::place::Place;
use super::{Declares, Model, ScanError, shown};
use crate::project::Project;

/// A file without any of these words holds no model, and leads to no file that does: it is not parsed.
const WORDS: [&str; 6] = ["Table", "Type", "Claims", "rls", "mod", "include"];

/// Whether a line starts a `type name = …;` of a file's own module.
fn is_alias(line: &str) -> bool {
    line.starts_with("type ") || (line.starts_with("pub") && line.contains(" type "))
}

/// The walk, and where it stands.
#[derive(Debug)]
pub(super) struct Walk<'p> {
    pub(super) project: &'p Project,
    pub(super) cfg: Cfg<'p>,
    models: Vec<Model>,
    errors: Vec<ScanError>,
    /// Canonical file, line and column of each model.
    seen: HashSet<(PathBuf, usize, usize)>,
    /// The files from the target root to the current one, canonical.
    stack: Vec<PathBuf>,
    /// The current file.
    pub(super) file: PathBuf,
    pub(super) place: Place,
    pub(super) names: Names,
    /// What decides about the code at hand, if that is beyond the scan.
    pub(super) doubt: Option<Doubt>,
}

/// Something only the compiler can decide, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    file: PathBuf,
    span: Span,
    /// Such as: `cfg(tokio_unstable)`, with backticks; a macro.
    pub(super) what: String,
}

impl<'p> Walk<'p> {
    pub(super) fn new(project: &'p Project) -> Self {
        Self {
            project,
            cfg: Cfg::new(&project.features),
            models: Vec::new(),
            errors: Vec::new(),
            seen: HashSet::new(),
            stack: Vec::new(),
            file: PathBuf::new(),
            place: Place::beside(&project.root),
            names: Names::new(&project.authz_crate),
            doubt: None,
        }
    }

    /// Reads the modules of one library or binary.
    pub(super) fn target(&mut self, root: &Path) {
        self.file = root.to_owned();
        self.names = self.names.module();
        self.read(root, Place::beside(root), Span::call_site(), |walk, text| {
            walk.module_text(text);
        });
    }

    pub(super) fn finish(mut self) -> (Vec<Model>, Vec<ScanError>) {
        self.models
            .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        self.errors.sort();
        self.errors.dedup();
        (self.models, self.errors)
    }

    /// Reports a mistake in the current file.
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report(span, message.into(), false);
    }

    /// Reports a place of the current file behind which only the compiler sees.
    pub(super) fn hidden(&mut self, span: Span, message: &str) {
        self.report(span, format!("{message}, or collect with `--expand`"), true);
    }

    fn report(&mut self, span: Span, message: String, hidden: bool) {
        let start = span.start();
        self.errors.push(ScanError {
            file: shown(&self.file),
            line: start.line,
            column: start.column + 1,
            message,
            hidden,
        });
    }

    /// Reports that `what`, which the scan has found, depends on a decision that it cannot make.
    pub(super) fn doubtful(&mut self, doubt: Doubt, what: &str) {
        let cause = &doubt.what;
        let way_out = if cause.starts_with('`') {
            "use a feature of the package"
        } else {
            "write it out"
        };
        let message =
            format!("{cause} decides whether {what} exists, which the scan cannot know; {way_out} instead");
        let file = mem::replace(&mut self.file, doubt.file);
        self.hidden(doubt.span, &message);
        self.file = file;
    }

    pub(super) fn doubt_at(&self, span: Span, what: String) -> Doubt {
        Doubt {
            file: self.file.clone(),
            span,
            what,
        }
    }

    /// Adds a model of the current file, unless another target has led to it before.
    pub(super) fn add_model(&mut self, declares: Declares, input: syn::DeriveInput) {
        let start = input.ident.span().start();
        let (line, column) = (start.line, start.column + 1);
        let canonical = self.stack.last().cloned().unwrap_or_default();
        if self.seen.insert((canonical, line, column)) {
            self.models.push(Model {
                declares,
                file: shown(&self.file),
                input,
                line,
                column,
                expanded: false,
            });
        }
    }

    /// Goes into `file`, which the code at `from` names, and comes back.
    pub(super) fn read(
        &mut self,
        file: &Path,
        place: Place,
        from: Span,
        walk_text: impl FnOnce(&mut Self, &str),
    ) {
        let name = file.display();
        let read = file
            .canonicalize()
            .and_then(|path| Ok((path, std::fs::read_to_string(file)?)));
        let (canonical, text) = match read {
            Ok(read) => read,
            Err(error) => return self.error(from, format!("`{name}` cannot be read: {error}")),
        };
        if self.stack.contains(&canonical) {
            return self.error(from, format!("`{name}` contains itself"));
        }
        let aliases = || text.lines().any(is_alias);
        if !WORDS.iter().any(|word| text.contains(word)) && !aliases() {
            return;
        }
        self.stack.push(canonical);
        let outer = (
            mem::replace(&mut self.file, file.to_owned()),
            mem::replace(&mut self.place, place),
        );
        let doubt = self.doubt.clone();
        walk_text(self, &text);
        self.doubt = doubt;
        (self.file, self.place) = outer;
        self.stack.pop();
    }

    /// Parses the current file with `parse`, or reports where it is not Rust.
    pub(super) fn parse<T>(&mut self, text: &str, parse: impl FnOnce(&str) -> syn::Result<T>) -> Option<T> {
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                for error in error {
                    let message = match error.to_string().as_str() {
                        "lex error" | "cannot parse string into token stream" => {
                            "this file is not Rust from here on, or this delimiter has no counterpart"
                                .to_owned()
                        }
                        message => format!("this file is not Rust: {message}"),
                    };
                    self.error(error.span(), message);
                }
                None
            }
        }
    }

    fn module_text(&mut self, text: &str) {
        if let Some(File { attrs, items, .. }) = self.parse(text, syn::parse_file) {
            self.under(&attrs, |walk, _| walk.module_items(&items));
        }
    }

    fn module_items(&mut self, items: &[Item]) {
        let names = self.names.module().with(items.iter(), &self.cfg);
        let outer = mem::replace(&mut self.names, names);
        for item in items {
            self.visit_item(item);
        }
        self.names = outer;
    }

    /// Walks what `attrs` stand on, unless a `cfg` removes it.
    pub(super) fn under(&mut self, attrs: &[Attribute], walk: impl FnOnce(&mut Self, Vec<Attribute>)) {
        if attrs.is_empty() {
            return walk(self, Vec::new());
        }
        let Resolved {
            removed,
            undecided,
            attrs,
        } = self.cfg.resolve(attrs);
        if removed {
            return;
        }
        let outer = self.doubt.clone();
        if let (None, Some(cfg)) = (&outer, undecided) {
            self.doubt = Some(self.doubt_at(cfg.span, cfg.to_string()));
        }
        walk(self, attrs);
        self.doubt = outer;
    }

    pub(super) fn module(&mut self, module: &ItemMod, attrs: &[Attribute]) {
        let name = module.ident.unraw().to_string();
        let path = attrs.iter().find_map(path_attribute);
        if let Some((_, items)) = &module.content {
            let place = self.place.inline(&name, path.as_deref());
            let outer = mem::replace(&mut self.place, place);
            self.module_items(items);
            self.place = outer;
            return;
        }
        match self.place.file(&name, path.as_deref()) {
            Ok((file, place)) => {
                let span = module.ident.span();
                self.read(&file, place, span, |walk, text| walk.module_text(text));
            }
            // Behind a `cfg` or macro that may be off, a file may be missing.
            Err(_) if self.doubt.is_some() => {}
            Err(message) => self.error(module.ident.span(), message),
        }
    }
}

fn path_attribute(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attr.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(literal) if pair.path.is_ident("path") => match &literal.lit {
            Lit::Str(path) => Some(path.value()),
            _ => None,
        },
        _ => None,
    }
}
