//! Named dangers of a migration.

use std::fmt;

/// What a statement may do that its author should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HazardKind {
    /// Rows or columns are gone for good.
    DataLoss,
    /// Row security is turned off.
    RlsDisable,
    /// Somebody may see or change more than before.
    AuthzWidens,
    /// Somebody may see or change less than before: queries may fail or return nothing.
    AuthzNarrows,
    /// Access changes in a direction that text alone does not tell.
    AuthzChanged,
    /// The statement fails if the table has rows that do not fit.
    FailsOnRows,
    /// The whole table is written anew under an exclusive lock.
    TableRewrite,
    /// Programs that run while the migration does rely on what it changes.
    BreaksOldCode,
    /// Writes wait until an index or a check over the whole table is done.
    BlocksWrites,
}

impl HazardKind {
    /// All kinds, the gravest first.
    pub const ALL: [Self; 9] = [
        Self::DataLoss,
        Self::RlsDisable,
        Self::AuthzWidens,
        Self::AuthzNarrows,
        Self::AuthzChanged,
        Self::FailsOnRows,
        Self::TableRewrite,
        Self::BreaksOldCode,
        Self::BlocksWrites,
    ];

    /// The name for the terminal, the file and `--allow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataLoss => "data-loss",
            Self::RlsDisable => "rls-disable",
            Self::AuthzWidens => "authz-widens",
            Self::AuthzNarrows => "authz-narrows",
            Self::AuthzChanged => "authz-changed",
            Self::FailsOnRows => "fails-on-rows",
            Self::TableRewrite => "table-rewrite",
            Self::BreaksOldCode => "breaks-old-code",
            Self::BlocksWrites => "blocks-writes",
        }
    }

    /// Whether a migration with it is written only by consent.
    #[must_use]
    pub fn needs_consent(self) -> bool {
        matches!(self, Self::DataLoss | Self::RlsDisable | Self::AuthzWidens)
    }
}

/// A danger and the object that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hazard {
    /// Which danger.
    pub kind: HazardKind,
    /// What happens, as one line.
    pub message: String,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}
