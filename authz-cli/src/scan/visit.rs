//! Which nodes of a file's syntax tree the walk stops at; all others it passes through.

use std::mem;

use syn::visit::{self, Visit};
use syn::{Arm, Attribute, Block, Expr, ImplItem, Item, Local, Stmt, StmtMacro, TraitItem};

use super::walk::Walk;

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.under(item_attrs(item), |walk, attrs| match item {
            Item::Mod(module) => walk.module(module, &attrs),
            Item::Verbatim(tokens) => walk.opaque_tokens(tokens),
            Item::Struct(_) | Item::Enum(_) | Item::Union(_) => {
                walk.visit_type_item(item, attrs);
                visit::visit_item(walk, item);
            }
            Item::Type(alias) => walk.visit_alias(alias),
            _ => visit::visit_item(walk, item),
        });
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.macro_call(called);
    }

    fn visit_attribute(&mut self, attr: &'ast Attribute) {
        self.attribute(attr);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let items = block.stmts.iter().filter_map(|stmt| match stmt {
            Stmt::Item(item) => Some(item),
            _ => None,
        });
        let names = self.names.clone().with(items, &self.cfg);
        let place = self.place.block();
        let outer = (
            mem::replace(&mut self.names, names),
            mem::replace(&mut self.place, place),
        );
        visit::visit_block(self, block);
        (self.names, self.place) = outer;
    }

    fn visit_local(&mut self, local: &'ast Local) {
        self.under(&local.attrs, |walk, _| visit::visit_local(walk, local));
    }

    fn visit_stmt_macro(&mut self, stmt: &'ast StmtMacro) {
        self.under(&stmt.attrs, |walk, _| visit::visit_stmt_macro(walk, stmt));
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.under(&arm.attrs, |walk, _| visit::visit_arm(walk, arm));
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        self.under(expr_attrs(expr), |walk, _| visit::visit_expr(walk, expr));
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attrs = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &Vec::new(),
        };
        self.under(attrs, |walk, _| match item {
            ImplItem::Verbatim(tokens) => walk.opaque_tokens(tokens),
            item => visit::visit_impl_item(walk, item),
        });
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attrs = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &Vec::new(),
        };
        self.under(attrs, |walk, _| match item {
            TraitItem::Verbatim(tokens) => walk.opaque_tokens(tokens),
            item => visit::visit_trait_item(walk, item),
        });
    }
}

fn item_attrs(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of the expressions that blocks with items stand in as statements.
fn expr_attrs(expr: &Expr) -> &[Attribute] {
    match expr {
        Expr::Async(expr) => &expr.attrs,
        Expr::Block(expr) => &expr.attrs,
        Expr::Call(expr) => &expr.attrs,
        Expr::Closure(expr) => &expr.attrs,
        Expr::Const(expr) => &expr.attrs,
        Expr::ForLoop(expr) => &expr.attrs,
        Expr::If(expr) => &expr.attrs,
        Expr::Loop(expr) => &expr.attrs,
        Expr::Macro(expr) => &expr.attrs,
        Expr::Match(expr) => &expr.attrs,
        Expr::MethodCall(expr) => &expr.attrs,
        Expr::Unsafe(expr) => &expr.attrs,
        Expr::While(expr) => &expr.attrs,
        _ => &[],
    }
}
