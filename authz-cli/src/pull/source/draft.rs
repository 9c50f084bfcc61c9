//! A struct that is being written: its attributes one by one, each of which can be left out.

use std::fmt::Write as _;

/// One `key = "…"` of an attribute, or one whole `#[rls(…)]`.
#[derive(Debug)]
pub(super) struct Item {
    /// What it says something of; `None` for what cannot be left out.
    object: Option<String>,
    text: String,
    on: bool,
    /// `#[rls]` only: the reason why the policy may read whole tables.
    unindexed: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) rust_type: String,
    pub(super) comment: Option<String>,
    /// The column's name for sqlx, where it is not the field's.
    pub(super) renamed: Option<String>,
    pub(super) items: Vec<Item>,
}

#[derive(Debug)]
pub(super) struct Draft {
    name: String,
    comment: Option<String>,
    /// Comments before the attributes.
    notes: Vec<String>,
    pub(super) table: Vec<Item>,
    pub(super) rls: Vec<Item>,
    pub(super) fields: Vec<Field>,
}

const UNINDEXED: &str = "unindexed = \"as the database has it\"";

impl Item {
    pub(super) fn fixed(text: impl Into<String>) -> Self {
        Self {
            object: None,
            text: text.into(),
            on: true,
            unindexed: false,
        }
    }

    pub(super) fn of(object: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            object: Some(object.into()),
            ..Self::fixed(text)
        }
    }

    /// Its place among the items of an attribute.
    fn rank(&self) -> usize {
        const ORDER: [&str; 9] = [
            "name =",
            "schema =",
            "type =",
            "existing",
            "primary_key",
            "identity",
            "default",
            "generated",
            "unique",
        ];
        ORDER
            .iter()
            .position(|key| self.text.starts_with(key))
            .unwrap_or(ORDER.len())
    }

    /// Whether it is this key.
    pub(super) fn says(&self, key: &str) -> bool {
        self.text.starts_with(key)
    }
}

impl Draft {
    pub(super) fn new(name: String, comment: Option<String>, notes: Vec<String>) -> Self {
        Self {
            name,
            comment,
            notes,
            table: Vec::new(),
            rls: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn all_items(&mut self) -> impl Iterator<Item = &mut Item> {
        let fields = self.fields.iter_mut().flat_map(|field| &mut field.items);
        // Policies come last: they name columns, and an UPDATE needs the SELECT before it.
        self.table.iter_mut().chain(fields).chain(&mut self.rls)
    }

    pub(super) fn items(&mut self) -> usize {
        self.all_items().count()
    }

    pub(super) fn switch_all_off(&mut self) {
        for item in self.all_items().filter(|item| item.object.is_some()) {
            item.on = false;
        }
    }

    /// Switches an item that can be left out, and gives what it says something of.
    pub(super) fn switch(&mut self, at: usize, on: bool) -> Option<String> {
        let item = self.all_items().nth(at)?;
        let object = item.object.clone()?;
        item.on = on;
        Some(object)
    }

    /// Leaves an item out, and a policy as a comment.
    pub(super) fn switch_off_with_comment(&mut self, at: usize) -> String {
        let policies = self.items() - self.rls.len();
        let Some(item) = self.all_items().nth(at) else {
            return String::new();
        };
        item.on = false;
        let text = item.text.clone();
        if at >= policies {
            let text = format!("#[rls({})]", text.replace('\n', ", "));
            self.notes.push(format!("Refused, see the report:\n{text}"));
            return text;
        }
        text
    }

    /// Says that a policy may read whole tables; `false` where the item is none.
    pub(super) fn say_unindexed(&mut self, at: usize, unindexed: bool) -> bool {
        let policies = self.items() - self.rls.len();
        match self.all_items().nth(at) {
            Some(item) if at >= policies => {
                item.unindexed = unindexed;
                true
            }
            _ => false,
        }
    }

    /// The struct as Rust source.
    pub(super) fn to_source(&self) -> String {
        let mut out = String::new();
        for note in &self.notes {
            out.push_str(&comment(note));
        }
        doc(&mut out, "", self.comment.as_deref());
        out.push_str("#[derive(Debug, Table, sqlx::FromRow)]\n");
        let on = |items: &[Item]| -> Vec<String> {
            let mut on: Vec<&Item> = items.iter().filter(|item| item.on).collect();
            on.sort_by_key(|item| item.rank());
            on.into_iter().map(|item| item.text.clone()).collect()
        };
        attribute(&mut out, "", "table", &on(&self.table));
        let mut policies = 0;
        for policy in self.rls.iter().filter(|item| item.on) {
            let mut items = split(&policy.text);
            items.extend(policy.unindexed.then(|| UNINDEXED.to_owned()));
            attribute(&mut out, "", "rls", &items);
            policies += 1;
        }
        if policies == 0 {
            // Row security without a policy: nobody sees a row. No attribute says that; this one says it, and grants nothing.
            out.push_str("#[rls(restrictive, all = false)]\n");
        }
        let _ = writeln!(out, "pub struct {} {{", self.name);
        for field in &self.fields {
            doc(&mut out, "    ", field.comment.as_deref());
            if let Some(renamed) = &field.renamed {
                attribute(&mut out, "    ", "sqlx", &[format!("rename = {}", text(renamed))]);
            }
            attribute(&mut out, "    ", "column", &on(&field.items));
            let _ = writeln!(out, "    pub {}: {},", field.name, field.rust_type);
        }
        out.push_str("}\n");
        out
    }
}

/// The items of an `#[rls]`, which stand on lines of their own.
fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// `#[name(a, b)]` on one line, or each item on its own where that is too long.
pub(super) fn attribute(out: &mut String, indent: &str, name: &str, items: &[String]) {
    const WIDTH: usize = 100;
    if items.is_empty() {
        return;
    }
    let one_line = format!("{indent}#[{name}({})]", items.join(", "));
    if one_line.chars().count() <= WIDTH {
        let _ = writeln!(out, "{one_line}");
        return;
    }
    let separator = format!(",\n{indent}    ");
    let _ = writeln!(
        out,
        "{indent}#[{name}(\n{indent}    {}\n{indent})]",
        items.join(&separator)
    );
}

pub(super) fn doc(out: &mut String, indent: &str, comment: Option<&str>) {
    for line in comment.into_iter().flat_map(str::lines) {
        let line = line.trim_end();
        let space = if line.is_empty() { "" } else { " " };
        let _ = writeln!(out, "{indent}///{space}{line}");
    }
}

/// A text as `//` lines.
pub(in crate::pull) fn comment(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| format!("// {line}").trim_end().to_owned() + "\n");
    lines.collect()
}

/// A Rust string literal.
pub(super) fn text(text: &str) -> String {
    let plain = !text.contains(['"', '\\']) && !text.chars().any(char::is_control);
    let raw = text.contains(['"', '\\']) && !text.contains("\"#") && !text.chars().any(char::is_control);
    if plain {
        format!("\"{text}\"")
    } else if raw {
        format!("r#\"{text}\"#")
    } else {
        format!("{text:?}")
    }
}
