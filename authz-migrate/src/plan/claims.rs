//! Functions that give claims of the token.

use std::collections::BTreeSet;

use authz_schema::schema::ClaimFunction;
use authz_sql::Ident;

use super::access::Direction;
use super::{Builder, Op, Step};
use crate::diff::Delta;
use crate::hazard::HazardKind;
use crate::names::Names;
use crate::object::Object;
use crate::statement::Statement;

impl Builder<'_> {
    pub(super) fn claims(&mut self) {
        let (before, after) = (self.old.schema.claim_callers(), self.new.schema.claim_callers());
        for delta in self.diff.claims.clone() {
            match delta {
                Delta::Added(claim) => self.create_claim(claim, &after),
                // What called it has changed or gone by then.
                Delta::Removed(claim) => {
                    let name = claim.signature();
                    let what = format!("drops the function {name}; programs that run meanwhile may call it");
                    self.hazard(HazardKind::BreaksOldCode, what);
                    self.push(
                        Step::DropClaims,
                        Op::Drop,
                        Object::Claim(claim.name.clone()),
                        Statement::DropClaim(claim.clone()),
                    );
                }
                Delta::Changed(old, new) => {
                    let named = |claim: &ClaimFunction, names: &Names| names.named_claim(claim);
                    if !named(old, &self.old.names).means(&named(new, &self.new.names)) {
                        self.claim_change(old, new);
                    }
                    let object = Object::Claim(new.name.clone());
                    if self.is_aside(&object) {
                        continue;
                    }
                    if old.claim != new.claim {
                        self.push(
                            Step::Claims,
                            Op::Alter,
                            object.clone(),
                            Statement::ReplaceClaim(new.clone()),
                        );
                    }
                    if old.comment != new.comment {
                        self.comment(Step::Comments, object, new.comment.clone());
                    }
                }
            }
        }
        let mut kept = Vec::new();
        for (name, new) in &self.new.schema.claims {
            let Some(old) = self.old.schema.claims.get(name) else {
                continue;
            };
            let object = Object::Claim(name.clone());
            if self.is_aside(&object) {
                let what = format!(
                    "gives the function {} another type; programs that run meanwhile expect the one before",
                    new.signature()
                );
                self.hazard(HazardKind::BreaksOldCode, what);
                self.push(
                    Step::ReplaceClaims,
                    Op::Drop,
                    object,
                    Statement::DropClaim(old.clone()),
                );
                self.create_claim(new, &after);
            } else {
                kept.push(new.signature());
            }
        }
        if kept.is_empty() {
            return;
        }
        let functions = kept.join(", ");
        for role in before.difference(&after) {
            self.revoke_execute(&functions, role);
        }
        for role in after.difference(&before) {
            self.grant_execute(Step::Claims, &functions, role);
        }
    }

    pub(super) fn grant_execute(&mut self, step: Step, functions: &str, role: &Ident) {
        self.push(
            step,
            Op::Alter,
            Object::Nobody,
            Statement::GrantExecute {
                functions: functions.to_owned(),
                role: role.clone(),
            },
        );
    }

    pub(super) fn revoke_execute(&mut self, functions: &str, role: &Ident) {
        self.push(
            Step::RevokePrivileges,
            Op::Alter,
            Object::Nobody,
            Statement::RevokeExecute {
                functions: functions.to_owned(),
                role: role.clone(),
            },
        );
    }

    fn create_claim(&mut self, claim: &ClaimFunction, callers: &BTreeSet<Ident>) {
        let object = Object::Claim(claim.name.clone());
        self.push(
            Step::Claims,
            Op::Create,
            object.clone(),
            Statement::CreateClaim {
                claim: claim.clone(),
                callers: callers.clone(),
            },
        );
        if claim.comment.is_some() {
            self.comment(Step::Claims, object, claim.comment.clone());
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
