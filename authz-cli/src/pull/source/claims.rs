//! Claims as a struct. Only the lock tells which claim a function gives.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use authz_schema::declare::DeclaredClaim;
use authz_schema::schema::ClaimFunction;

use super::{File, draft};
use crate::pull::{names, types};

impl File {
    /// The source of a struct of these claims, and what it declares.
    pub(in crate::pull) fn claims<'a>(
        &mut self,
        claims: impl IntoIterator<Item = &'a ClaimFunction>,
    ) -> Option<(String, Vec<DeclaredClaim>)> {
        let (name, _) = names::struct_name("session", &mut self.names);
        let mut fields = String::new();
        let mut taken = BTreeSet::new();
        let mut declared = Vec::new();
        for claim in claims {
            draft::doc(&mut fields, "    ", claim.comment.as_deref());
            self.field(claim, &mut taken, &mut fields);
            declared.push(DeclaredClaim {
                function: claim.name.name.clone(),
                claim: claim.claim.clone(),
                claim_type: claim.claim_type.clone(),
                comment: claim.comment.clone(),
            });
        }
        let source = format!(
            "/// The claims of a token that SQL knows by functions.\n\
             #[derive(Debug, serde::Deserialize, authz::Claims)]\npub struct {name} {{\n{fields}}}\n"
        );
        (!declared.is_empty()).then_some((source, declared))
    }

    fn field(&mut self, claim: &ClaimFunction, taken: &mut BTreeSet<String>, out: &mut String) {
        let function = claim.name.name.as_str();
        let field = names::field_name(function, taken);
        let key = |key: &str, value: &str| format!("{key} = {}", draft::text(value));
        let mut serde = Vec::new();
        let mut ours = Vec::new();
        if claim.claim != field {
            serde.push(key("rename", &claim.claim));
        }
        if claim.claim_type == "timestamptz" {
            serde.extend([
                "default".to_owned(),
                key("with", "chrono::serde::ts_seconds_option"),
            ]);
        }
        if field != function {
            ours.push(key("function", function));
        }
        let (item, is_array) = match claim.claim_type.strip_suffix("[]") {
            Some(item) => (item, true),
            None => (claim.claim_type.as_str(), false),
        };
        let mut ty = types::of(item);
        if !ty.says {
            // An enum type: serde may read its values by other names than sqlx.
            ours.push(key("type", &claim.claim_type));
            ty = types::of("text");
        }
        draft::attribute(out, "    ", "serde", &serde);
        draft::attribute(out, "    ", "claim", &ours);
        let text = if is_array {
            format!("Vec<{}>", ty.text)
        } else {
            ty.text
        };
        let _ = writeln!(out, "    pub {}: Option<{text}>,", names::ident(&field));
        for (module, name) in ty.imports {
            self.imports.entry(module).or_default().insert(name);
        }
        self.features.extend(ty.feature);
    }
}
