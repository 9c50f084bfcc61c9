//! The order of the nodes: each behind what it needs, and otherwise in the order that people read well.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::edges::{Edges, Why};
use super::{Builder, Op};
use crate::object::Object;

/// What was decided to untie knots.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// What gets another name for a while.
    pub(super) asides: BTreeSet<Object>,
    /// The texts of functions are not checked when they are made.
    pub(super) unchecked_bodies: bool,
}

/// What came of a sort.
#[derive(Debug)]
pub(super) enum Sorted {
    /// The order.
    Order(Vec<usize>),
    /// A knot was cut; the nodes have to be made anew.
    Again,
    /// A knot that nothing can untie.
    Knot(Vec<usize>),
}

/// Sorts the nodes, and cuts a knot where there is one.
pub(super) fn sort(
    builder: &mut Builder<'_>,
    edges: Edges,
    cut: &mut Cut,
    forced: &mut BTreeSet<Object>,
) -> Sorted {
    let mut edges = edges;
    if let Some(again) = levels(builder, &edges, cut) {
        return again;
    }
    loop {
        let (order, waiting) = kahn(builder, &edges.list);
        if waiting.is_empty() {
            return Sorted::Order(order);
        }
        let knots = knots(&waiting, &edges.list, builder.nodes.len());
        let within =
            |knot: &BTreeSet<usize>, from: usize, to: usize| knot.contains(&from) && knot.contains(&to);
        let before = edges.list.len();
        edges.list.retain(|(from, to, why)| {
            *why != Why::Wish || !knots.iter().any(|knot| within(knot, *from, *to))
        });
        if edges.list.len() < before {
            continue;
        }
        let mut again = false;
        for knot in &knots {
            let inside = || edges.list.iter().filter(|(from, to, _)| within(knot, *from, *to));
            let holder = inside().find_map(|(_, _, why)| match why {
                Why::Name(holder) if !cut.asides.contains(holder) && can_step_aside(holder) => {
                    Some(holder.clone())
                }
                _ => None,
            });
            if let Some(holder) = holder {
                again |= cut.asides.insert(holder);
                continue;
            }
            let altered = knot.iter().find_map(|at| {
                let node = builder.nodes.get(*at)?;
                let can = matches!(
                    node.object,
                    Object::Policy(..) | Object::Default(..) | Object::Function(_)
                );
                (node.op == Op::Alter && can && !forced.contains(&node.object)).then(|| node.object.clone())
            });
            if let Some(altered) = altered {
                again |= forced.insert(altered);
                continue;
            }
            if !cut.unchecked_bodies && inside().any(|(_, _, why)| *why == Why::Body) {
                cut.unchecked_bodies = true;
                again = true;
            }
        }
        return if again {
            Sorted::Again
        } else {
            Sorted::Knot(knots.into_iter().next().unwrap_or_default().into_iter().collect())
        };
    }
}

/// Whether an object can have another name for a while.
fn can_step_aside(object: &Object) -> bool {
    matches!(
        object,
        Object::Table(_)
            | Object::Enum(_)
            | Object::Value(..)
            | Object::Column(..)
            | Object::Constraint(..)
            | Object::Index(..)
            | Object::Policy(..)
    )
}

/// What is needed early is done early, and then in the form that needs no file of its own. What keeps a name for longer than
/// another waits for it steps aside.
fn levels(builder: &mut Builder<'_>, edges: &Edges, cut: &mut Cut) -> Option<Sorted> {
    let level = |builder: &Builder<'_>, at: usize| builder.nodes.get(at).map(|node| node.level);
    loop {
        let mut changed = false;
        for (from, to, why) in &edges.list {
            let (Some(first), Some(second)) = (level(builder, *from), level(builder, *to)) else {
                continue;
            };
            if first > second && matches!(why, Why::Need | Why::Body) {
                if let Some(node) = builder.nodes.get_mut(*from) {
                    node.level = second;
                }
                changed = true;
            }
        }
        for (one, other) in &builder.ties.clone() {
            let lower = level(builder, *one).min(level(builder, *other));
            for at in [one, other] {
                if let (Some(node), Some(lower)) = (builder.nodes.get_mut(*at), lower)
                    && node.level > lower
                {
                    node.level = lower;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let mut again = false;
    for (from, to, why) in &edges.list {
        if let Why::Name(holder) = why
            && level(builder, *from) > level(builder, *to)
            && can_step_aside(holder)
        {
            again |= cut.asides.insert(holder.clone());
        }
    }
    again.then_some(Sorted::Again)
}

/// The order as far as it goes, and the nodes that wait for each other.
fn kahn(builder: &Builder<'_>, edges: &[(usize, usize, Why)]) -> (Vec<usize>, BTreeSet<usize>) {
    let count = builder.nodes.len();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut open: Vec<usize> = vec![0; count];
    for (from, to, why) in edges {
        // Files are in order by themselves; a wish does not change them.
        let level = |at: usize| builder.nodes.get(at).map(|node| node.level);
        if *why == Why::Wish && level(*from) > level(*to) {
            continue;
        }
        if let (Some(after), Some(open)) = (after.get_mut(*from), open.get_mut(*to)) {
            after.push(*to);
            *open += 1;
        }
    }
    let key = |at: usize| builder.nodes.get(at).map(|node| (node.level, node.step));
    let mut heap: BinaryHeap<Reverse<_>> = (0..count)
        .filter(|at| open.get(*at) == Some(&0))
        .map(|at| Reverse((key(at), at)))
        .collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse((_, at))) = heap.pop() {
        order.push(at);
        for next in after.get(at).into_iter().flatten() {
            if let Some(open) = open.get_mut(*next) {
                *open -= 1;
                if *open == 0 {
                    heap.push(Reverse((key(*next), *next)));
                }
            }
        }
    }
    let done: BTreeSet<usize> = order.iter().copied().collect();
    let waiting = (0..count).filter(|at| !done.contains(at)).collect();
    (order, waiting)
}

/// The groups of nodes that wait for each other: the strongly connected components (Tarjan).
fn knots(waiting: &BTreeSet<usize>, edges: &[(usize, usize, Why)], count: usize) -> Vec<BTreeSet<usize>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to, _) in edges {
        if waiting.contains(from)
            && waiting.contains(to)
            && let Some(after) = after.get_mut(*from)
        {
            after.push(*to);
        }
    }
    let mut tarjan = Tarjan {
        after: &after,
        number: vec![None; count],
        low: vec![0; count],
        on_stack: vec![false; count],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for at in waiting {
        if tarjan.number.get(*at) == Some(&None) {
            tarjan.visit(*at);
        }
    }
    tarjan.found
}

struct Tarjan<'a> {
    after: &'a [Vec<usize>],
    number: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<BTreeSet<usize>>,
}

impl Tarjan<'_> {
    /// Without recursion: a chain of statements may be long.
    fn visit(&mut self, start: usize) {
        let mut calls = vec![(start, 0)];
        self.enter(start);
        while let Some((at, child)) = calls.pop() {
            let next = self.after.get(at).and_then(|after| after.get(child)).copied();
            let Some(next) = next else {
                self.leave(at);
                if let Some((parent, _)) = calls.last() {
                    self.lower(*parent, self.low.get(at).copied());
                }
                continue;
            };
            calls.push((at, child + 1));
            match self.number.get(next).copied().flatten() {
                None => {
                    self.enter(next);
                    calls.push((next, 0));
                }
                Some(number) if self.on_stack.get(next) == Some(&true) => self.lower(at, Some(number)),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, at: usize) {
        let number = self.next;
        self.next += 1;
        if let (Some(own), Some(low), Some(on_stack)) = (
            self.number.get_mut(at),
            self.low.get_mut(at),
            self.on_stack.get_mut(at),
        ) {
            (*own, *low, *on_stack) = (Some(number), number, true);
        }
        self.stack.push(at);
    }

    fn lower(&mut self, at: usize, to: Option<usize>) {
        if let (Some(low), Some(to)) = (self.low.get_mut(at), to) {
            *low = (*low).min(to);
        }
    }

    fn leave(&mut self, at: usize) {
        if self.number.get(at).copied().flatten() != self.low.get(at).copied() {
            return;
        }
        let mut group = BTreeSet::new();
        while let Some(top) = self.stack.pop() {
            if let Some(on_stack) = self.on_stack.get_mut(top) {
                *on_stack = false;
            }
            group.insert(top);
            if top == at {
                break;
            }
        }
        if group.len() > 1 {
            self.found.push(group);
        }
    }
}
