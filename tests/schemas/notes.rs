//! Notes that may be shared, and paragraphs that follow the note's owner.

use authz::Table;

/// A note. Its owner may do anything with it; everybody may read it once it is shared.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(owner = "owner_id")]
#[rls(select = "shared = true")]
pub(crate) struct Note {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    #[column(default = "auth.user_id()")]
    pub(crate) owner_id: String,
    pub(crate) title: String,
    #[column(default = "false")]
    pub(crate) shared: bool,
}

/// A paragraph of a note. Only who owns the note may see or change it, shared or not.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(all = "note_id IN (SELECT id FROM notes WHERE owner_id = auth.user_id())")]
pub(crate) struct Paragraph {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    #[column(references = "notes(id)", on_delete = "cascade")]
    pub(crate) note_id: i64,
    pub(crate) body: String,
}
