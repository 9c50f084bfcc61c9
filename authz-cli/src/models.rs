//! From the source of a package to what its models declare, with every mistake as a diagnostic.

use std::collections::BTreeMap;
use std::fs;

use authz_schema::config::{self, Config};
use authz_schema::declare::{Declarations, DeclareError, DeclaredClaim, Subject};
use authz_schema::model::{TypeModel, Types, parse_claims, parse_model, parse_type};
use authz_schema::places::{Part, Places};
use authz_schema::renames::Renames;
use authz_schema::schema::{Schema, TableName, TypeName};
use authz_sql::{AUTH, Ident, MEMBERS};
use proc_macro2::Span;
use syn::ext::IdentExt as _;

use crate::diagnostics::Diagnostic;
use crate::expand::{self, Collected, ExpandError, Unseen};
use crate::folder::{Folder, FolderError};
use crate::functions;
use crate::places::{Place, Places as WrittenPlaces};
use crate::project::Project;
use crate::scan::{Declares, Model, scan};

/// What the models of a package declare.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// The schema.
    pub schema: Schema,
    /// What its tables and columns were called before.
    pub renames: Renames,
    /// Where the scan and the compiler do not see the same structs; only by [`read_expanded`].
    pub unseen: Vec<Unseen>,
    /// Where the tables and their parts are written.
    pub places: WrittenPlaces,
}

/// Why the models of a package cannot be read.
#[derive(Debug)]
pub enum ModelsError {
    /// Mistakes in the models, and places that keep the scan from being complete.
    Mistakes(Vec<Diagnostic>),
    /// rustc cannot expand the package.
    Expand(ExpandError),
    /// The folder of migrations cannot be read, where hand-written ones make functions that policies may call.
    Folder(FolderError),
}

impl From<FolderError> for ModelsError {
    fn from(error: FolderError) -> Self {
        Self::Folder(error)
    }
}

impl From<Vec<Diagnostic>> for ModelsError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Mistakes(diagnostics)
    }
}

/// Reads what the models of `project` declare, by a scan of its source.
///
/// # Errors
///
/// Every mistake in the models, and every place that keeps the scan from being complete.
pub fn read(project: &Project) -> Result<Models, ModelsError> {
    let models =
        scan(project).map_err(|errors| errors.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
    declared(project, &models)
}

/// Reads what the models of `project` declare, by the derive itself, which rustc runs.
///
/// # Errors
///
/// Every mistake in the models, and why rustc cannot expand the package.
pub fn read_expanded(project: &Project) -> Result<Models, ModelsError> {
    let Collected { models, unseen } = match expand::collect(project) {
        Ok(collected) => collected,
        Err(ExpandError::Source(errors)) => {
            let diagnostics: Vec<_> = errors.into_iter().map(Diagnostic::from).collect();
            return Err(diagnostics.into());
        }
        Err(error) => return Err(ModelsError::Expand(error)),
    };
    Ok(Models {
        unseen,
        ..declared(project, &models)?
    })
}

/// What these models declare, together with `authz.toml` and the functions of the package.
fn declared(project: &Project, models: &[Model]) -> Result<Models, ModelsError> {
    let mut diagnostics = Vec::new();
    let mut declarations = Declarations::default();
    let mut renames = Renames::default();
    let mut sources = Sources::default();
    let mut written = WrittenPlaces::default();
    let types = types(
        models,
        &mut declarations,
        &mut renames,
        &mut sources,
        &mut written,
        &mut diagnostics,
    );
    for model in models.iter().filter(|model| model.declares == Declares::Table) {
        match parse_model(&model.input, &types) {
            Err(error) => diagnostics.extend(Diagnostic::of(model, &error)),
            Ok(parsed) => {
                written.add_table(model, &parsed);
                let name = parsed.table.name.clone();
                let source = Source {
                    model,
                    places: parsed.places,
                };
                let other = sources.tables.get(&name);
                diagnostics.extend(other.map(|other| same_table(model, other.model, &name)));
                sources.tables.entry(name).or_insert(source);
                renames.extend(parsed.renames);
                declarations.tables.push(parsed.table);
                declarations.memberships.extend(parsed.memberships);
            }
        }
    }
    sources.claims = claims(models, &types, &mut diagnostics);
    declarations.claims = sources
        .claims
        .iter()
        .map(|claim| claim.declared.clone())
        .collect();
    for claim in &sources.claims {
        let function = claim.declared.function.clone();
        written.add_other(function, Place::of(claim.model, claim.span));
    }
    match functions::read(&project.root) {
        Ok(functions) => {
            for (file, function) in functions {
                written.add_other(function.signature.name.name.clone(), Place::begin(&file));
                declarations.functions.push(function);
            }
        }
        Err(errors) => diagnostics.extend(errors),
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics.into());
    }
    let folder = Folder::at(project.migrations.clone());
    declarations.functions_elsewhere = Some(folder.functions_by_hand(&[AUTH, MEMBERS])?);
    declarations.elsewhere = Some(folder.elsewhere()?);
    let mut errors = declarations.check(&renames, &project.config);
    match declarations.schema(&project.config) {
        Ok(schema) if errors.is_empty() => {
            return Ok(Models {
                schema,
                renames,
                unseen: Vec::new(),
                places: written,
            });
        }
        Ok(_) => {}
        Err(more) => errors.extend(more),
    }
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for error in errors {
        // One attribute makes several policies, which repeat its mistake.
        for diagnostic in sources.diagnostics(project, error) {
            if !diagnostics.contains(&diagnostic) {
                diagnostics.push(diagnostic);
            }
        }
    }
    Err(diagnostics.into())
}

/// A struct or an enum, and where its parts stand.
struct Source<'a> {
    model: &'a Model,
    places: Places,
}

/// Where all that is declared stands.
#[derive(Default)]
struct Sources<'a> {
    tables: BTreeMap<TableName, Source<'a>>,
    enums: BTreeMap<TypeName, Source<'a>>,
    claims: Vec<PlacedClaim<'a>>,
}

impl Sources<'_> {
    /// A mistake at its place, with the place of what it does not fit.
    fn diagnostics(&self, project: &Project, error: DeclareError) -> Vec<Diagnostic> {
        let DeclareError {
            of,
            part,
            mut message,
            other,
        } = error;
        let other = other.and_then(|(of, part)| self.at(project, &of, &part, "").into_iter().next());
        if let Some(other) = other {
            let (file, line) = (other.file.display(), other.line());
            message.push_str(&format!("; the other one is at {file}:{line}"));
        }
        self.at(project, &of, &part, &message)
    }

    fn at(&self, project: &Project, of: &Subject, part: &Part, message: &str) -> Vec<Diagnostic> {
        let source = match of {
            Subject::Table(name) => self.tables.get(name),
            Subject::Enum(name) => self.enums.get(name),
            Subject::Role(role) => return vec![at_role(project, role, message.to_owned())],
            Subject::Claim(function) => {
                let claim = self
                    .claims
                    .iter()
                    .find(|claim| claim.declared.function == *function);
                return claim.map_or_else(Vec::new, |claim| claim.at(message.to_owned()));
            }
        };
        let Some(Source { model, places }) = source else {
            return Vec::new();
        };
        match places.of(part) {
            Some(span) => Diagnostic::of(model, &syn::Error::new(span, message)),
            None => vec![at(model, message.to_owned())],
        }
    }
}

/// A mistake at the name of a role in `authz.toml`.
fn at_role(project: &Project, role: &Ident, message: String) -> Diagnostic {
    let path = project.root.join(config::FILE);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let place = Config::place_of_role(&text, role).unwrap_or_default();
    functions::mistake(&path, &text, place, message)
}

/// A claim with the place of its field.
struct PlacedClaim<'a> {
    declared: DeclaredClaim,
    model: &'a Model,
    span: Span,
}

impl PlacedClaim<'_> {
    /// A mistake at the field.
    fn at(&self, message: String) -> Vec<Diagnostic> {
        Diagnostic::of(self.model, &syn::Error::new(self.span, message))
    }

    fn line(&self) -> usize {
        match self.model.expanded {
            true => self.model.line,
            false => self.span.start().line,
        }
    }
}

/// The claims of all structs. Two may name one function where both mean the same.
fn claims<'a>(models: &'a [Model], types: &Types, diagnostics: &mut Vec<Diagnostic>) -> Vec<PlacedClaim<'a>> {
    let mut claims: Vec<PlacedClaim<'_>> = Vec::new();
    for model in models.iter().filter(|model| model.declares == Declares::Claims) {
        let fields = match parse_claims(&model.input, types) {
            Ok(parsed) => parsed.claims,
            Err(error) => {
                diagnostics.extend(Diagnostic::of(model, &error));
                continue;
            }
        };
        for field in fields {
            let claim = PlacedClaim {
                declared: field.declared,
                model,
                span: field.span,
            };
            let other = claims
                .iter()
                .find(|other| other.declared.function == claim.declared.function);
            if let Some(other) = other
                && (&other.declared.claim, &other.declared.claim_type)
                    != (&claim.declared.claim, &claim.declared.claim_type)
            {
                diagnostics.extend(claim.at(format!(
                    "the function `{}` gives the claim `{}` as {} already ({}:{}); name this one otherwise: \
                     `#[claim(function = \"…\")]`",
                    claim.declared.function.as_str(),
                    other.declared.claim,
                    other.declared.claim_type,
                    other.model.file.display(),
                    other.line()
                )));
            }
            claims.push(claim);
        }
    }
    claims
}

/// The types that the package names: newtypes after what they hold, in whatever order they stand in the source.
fn types<'a>(
    models: &'a [Model],
    declarations: &mut Declarations,
    renames: &mut Renames,
    sources: &mut Sources<'a>,
    written: &mut WrittenPlaces,
    diagnostics: &mut Vec<Diagnostic>,
) -> Types {
    let mut types = Types::default();
    let mut open: Vec<&Model> = models
        .iter()
        .filter(|model| matches!(model.declares, Declares::Type | Declares::Alias))
        .collect();
    loop {
        let before = open.len();
        let mut errors = Vec::new();
        open.retain(|model| {
            let name = model.input.ident.unraw().to_string();
            match (model.declares, &model.input.data) {
                (Declares::Alias, syn::Data::Struct(data)) => {
                    let aliased = data.fields.iter().next().map(|field| &field.ty);
                    !aliased.is_some_and(|ty| types.add_alias(&name, ty))
                }
                _ => match parse_type(&model.input, &types) {
                    Err(error) => {
                        errors.extend(Diagnostic::of(model, &error));
                        true
                    }
                    Ok(TypeModel {
                        sql,
                        enum_type,
                        renames: former,
                        places,
                        serde_differs,
                        ..
                    }) => {
                        types.add(&name, &sql);
                        if enum_type.is_some() {
                            types.add_enum(&sql, serde_differs);
                        }
                        renames.extend(former);
                        if let Some(item) = enum_type {
                            written.add_other(item.name.name.clone(), Place::of_name(model));
                            let other = sources.enums.insert(item.name.clone(), Source { model, places });
                            diagnostics.extend(other.map(|other| same_type(model, other.model, &item.name)));
                            declarations.enums.push(item);
                        }
                        false
                    }
                },
            }
        });
        if open.len() == before {
            diagnostics.append(&mut errors);
            return types;
        }
    }
}

fn same_type(model: &Model, other: &Model, name: &TypeName) -> Diagnostic {
    at(
        model,
        format!(
            "the type {name} is declared at {}:{} already; write another `type_name` on one of the two",
            other.file.display(),
            other.line
        ),
    )
}

/// A mistake at the name of a model.
fn at(model: &Model, message: String) -> Diagnostic {
    model.at(message).into()
}

fn same_table(model: &Model, other: &Model, name: &TableName) -> Diagnostic {
    at(
        model,
        format!(
            "the table {name} is declared at {}:{} already; write `#[table(name = \"…\")]` on one of the two",
            other.file.display(),
            other.line
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, MANIFEST};
    use crate::project::ProjectOptions;

    fn messages(source: &str) -> Vec<String> {
        messages_of(source, &[])
    }

    fn messages_of(source: &str, files: &[(&str, &str)]) -> Vec<String> {
        let package = [("Cargo.toml", MANIFEST), ("src/lib.rs", source)];
        let fixture = Fixture::new(&[package.as_slice(), files].concat());
        let options = ProjectOptions {
            manifest_path: Some(fixture.path("Cargo.toml")),
            ..ProjectOptions::default()
        };
        let project = Project::find(&options).unwrap();
        let Err(ModelsError::Mistakes(errors)) = read(&project) else {
            return Vec::new();
        };
        let place = |diagnostic: &Diagnostic| format!("{}:{}", diagnostic.line(), diagnostic.column());
        let said = |diagnostic: Diagnostic| format!("{} {}", place(&diagnostic), diagnostic.message);
        errors.into_iter().map(said).collect()
    }

    #[test]
    fn two_structs_cannot_be_one_table() {
        let source = "#[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 }
            mod other { #[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 } }";
        let messages = messages(source);
        assert_eq!(messages.len(), 1);
        assert!(
            messages[0].contains(" the table public.todos is declared at "),
            "{messages:?}"
        );
    }

    #[test]
    fn two_tables_cannot_have_an_index_of_the_same_name() {
        let with = |second: &str| {
            format!(
                "#[derive(authz::Table)] #[table(name = \"a_b\", index(c))] #[rls(select = true)] struct One {{ c: i64 }}
                 #[derive(authz::Table)] #[table(name = \"{second}\", index(b_c))] #[rls(select = true)] struct Two {{ b_c: i64 }}"
            )
        };
        let found = messages(&with("a"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains(
                " the name a_b_c_idx is taken in public by public.a_b, for an index; give the index"
            ),
            "{found:?}"
        );
        assert!(messages(&with("z")).is_empty());
    }

    #[test]
    fn mistakes_that_several_structs_tell_stand_at_their_texts() {
        let source = "use authz::Table;
#[derive(Table)]
#[rls(read, owner = \"user_id\")]
#[rls(
    modify,
    member = \"id in team_membrs(team_id, user_id)\",
)]
#[rls(select = \"exists (select 1 from team_members m where m.temid = id)\", name = \"x\")]
struct Team {
    id: i64,
    #[column(default = \"auth.userid()\")]
    user_id: String,
    #[column(references = \"users(id)\")]
    lead: i64,
}
#[derive(Table)]
#[table(index(user_id, name = \"teams\"))]
#[rls(disabled = \"a\")]
struct TeamMember { team_id: i64, user_id: String }
";
        let found = messages(source);
        for expected in [
            "6:14 no model declares public.team_membrs, the table of memberships; did you mean `team_members`?",
            "8:16 `team_members` has no column `temid`; did you mean `team_id`?",
            "11:24 there is no function auth.userid(); did you mean auth.user_id()?",
            "13:27 no model declares public.users, and no migration of your own mentions it; for a table or view that is \
             made elsewhere, write a struct with `#[table(existing)]`",
            "17:31 the name teams is taken in public by public.teams; give the index a name of its own: \
             `#[table(index(…, name = \"…\"))]`; the other one is at ",
        ] {
            assert!(
                found.iter().any(|found| found.starts_with(expected)),
                "{expected}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 5, "{found:#?}");
        let fine = source
            .replace("membrs", "members")
            .replace("temid", "team_id")
            .replace("userid", "user_id")
            .replace("users(id)", "leads(id)")
            .replace("\"teams\"", "\"by_user\"");
        let leads = [(
            "migrations/1_leads.sql",
            "CREATE TABLE leads (id bigint PRIMARY KEY);",
        )];
        assert_eq!(messages_of(&fine, &leads), [""; 0]);
    }

    #[test]
    fn a_role_that_nobody_names_is_a_mistake_in_the_configuration() {
        let source = "#[derive(authz::Table)] #[rls(select = true, to = \"editor\")] struct Note { id: i64 }";
        let found = |text: &str| messages_of(source, &[("authz.toml", text)]);
        assert_eq!(
            found("lock_timeout = \"5s\"\n\n[roles.editr]\nmember_of = [\"authenticated\"]\n"),
            ["3:8 no policy names the role `editr`; did you mean `editor`?"]
        );
        assert_eq!(
            found("[roles.editor]\nmember_of = [\"authenticated\"]\n"),
            [""; 0]
        );
    }

    const NOTE: &str =
        "#[derive(authz::Table)] #[rls(select = \"level > auth.level()\")] struct Note { level: i64 }\n";

    #[test]
    fn two_structs_may_name_one_claim_where_they_mean_the_same() {
        let with = |second: &str| {
            format!(
                "{NOTE}#[derive(authz::Claims)] struct One {{ level: i64 }}
type Number = i64;
mod a {{ #[derive(authz::Claims)] struct Two {{ x: String, {second} }} }}"
            )
        };
        let same = "#[claim(function = \"level\")] #[serde(rename = \"level\")] how_far: Option<Number>";
        assert!(messages(&with(same)).is_empty());
        for other in ["level: i32", "#[serde(rename = \"lvl\")] level: i64"] {
            let found = messages(&with(other));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("4:")
                    && found[0].contains("the function `level` gives the claim `level` as bigint already ("),
                "{found:?}"
            );
        }
    }

    #[test]
    fn mistakes_of_claims_have_the_words_of_the_derive_and_their_places() {
        let found = messages(&format!(
            "{NOTE}#[derive(authz::Claims)]\nstruct Session {{\n    user_id: String,\n    level: u8,\n}}"
        ));
        assert_eq!(
            found,
            [
                "4:5 auth.user_id() is there already, with a meaning of its own; name this one otherwise: \
                 `#[claim(function = \"…\")]`",
                "5:12 PostgreSQL has no type for `u8`; use i16, or Vec<u8> for bytea",
            ]
        );
    }

    #[test]
    fn a_policy_that_calls_a_claim_which_no_struct_has_is_a_mistake_at_its_text() {
        let found = messages(&format!(
            "{NOTE}#[derive(authz::Claims)] struct Session {{ levels: i64 }}"
        ));
        assert_eq!(
            found,
            ["1:40 there is no function auth.level(); did you mean auth.levels()?"]
        );
        assert!(
            messages(&format!(
                "{NOTE}#[derive(authz::Claims)] struct Session {{ level: i64 }}"
            ))
            .is_empty()
        );
    }
}
