//! Functions that give claims of the token.

use std::collections::BTreeSet;

use super::access::Direction;
use super::reworked::Reworked;
use super::{Plan, Step};
use crate::claims;
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::HazardKind;
use crate::render;
use authz_schema::schema::ClaimFunction;
use authz_sql::Ident;

impl Plan {
    pub(super) fn claims(&mut self, diff: &SchemaDiff<'_>, reworked: &Reworked<'_>) {
        let (before, after) = (diff.old.claim_callers(), diff.new.claim_callers());
        for delta in &diff.claims {
            match delta {
                Delta::Added(claim) => self.create_claim(claim, &after),
                // What called it has changed or gone by then.
                Delta::Removed(claim) => {
                    let name = claim.signature();
                    let what = format!("drops the function {name}; programs that run meanwhile may call it");
                    self.hazard(HazardKind::BreaksOldCode, what);
                    self.push(Step::DropClaims, format!("DROP FUNCTION {name}"));
                }
                Delta::Changed(old, new) => {
                    if !old.means(new) {
                        self.claim_change(old, new);
                    }
                    if reworked.remakes_claim(&new.name) {
                        continue;
                    }
                    if old.claim != new.claim {
                        self.push(Step::Claims, claims::replace(new));
                    }
                    if old.comment != new.comment {
                        self.push(Step::Comments, comment(new));
                    }
                }
            }
        }
        let mut kept = Vec::new();
        for (name, new) in &diff.new.claims {
            let Some(old) = diff.old.claims.get(name) else {
                continue;
            };
            if reworked.remakes_claim(name) {
                let what = format!(
                    "gives the function {} another type; programs that run meanwhile expect the one before",
                    new.signature()
                );
                self.hazard(HazardKind::BreaksOldCode, what);
                self.push(Step::ReplaceClaims, format!("DROP FUNCTION {}", old.signature()));
                self.create_claim(new, &after);
            } else {
                kept.push(new.signature());
            }
        }
        if kept.is_empty() {
            return;
        }
        let kept = kept.join(", ");
        for role in before.difference(&after) {
            self.push(
                Step::RevokePrivileges,
                format!("REVOKE ALL ON FUNCTION {kept} FROM {role}"),
            );
        }
        for role in after.difference(&before) {
            self.push(
                Step::Claims,
                format!("GRANT EXECUTE ON FUNCTION {kept} TO {role}"),
            );
        }
    }

    fn create_claim(&mut self, claim: &ClaimFunction, callers: &BTreeSet<Ident>) {
        let name = claim.signature();
        self.push(Step::Claims, claims::create(claim));
        self.push(Step::Claims, format!("REVOKE ALL ON FUNCTION {name} FROM PUBLIC"));
        self.push(
            Step::Claims,
            format!("GRANT EXECUTE ON FUNCTION {name} TO {}", render::names(callers)),
        );
        if claim.comment.is_some() {
            self.push(Step::Claims, comment(claim));
        }
    }

    /// What policies, defaults and programs make of another claim is not to be told from here.
    fn claim_change(&mut self, old: &ClaimFunction, new: &ClaimFunction) {
        let what = format!("the function {}", new.signature());
        let said = |claim: &ClaimFunction| format!("`{}` as {}", claim.claim, claim.claim_type);
        let message = format!("changes {what}, from the claim {} to {}", said(old), said(new));
        self.access_change(Direction::Unknown, message.replace('\n', " "), &what);
    }
}

fn comment(claim: &ClaimFunction) -> String {
    render::comment(
        &format!("FUNCTION {}", claim.signature()),
        claim.comment.as_deref(),
    )
}
