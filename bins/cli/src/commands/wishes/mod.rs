//! Commands by which operators steer: pauses, cordons, drains, weights and pins, which every leader obeys.

mod action;
mod args;
mod consent;
mod effect;
mod list;
mod obeyed;
mod target;

use notifi_scaler_common::Failure;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::{Wish, WishKind, WishSubject, Wishes, WorkStore};
use serde_json::json;

use super::servers::Servers;
pub(super) use action::Action;
pub(super) use args::WeightArg;
pub use args::{PinArgs, PodArgs, UnpinArgs, WeighArgs, WishArgs, WishesArgs};
pub(super) use consent::{ask, may_ask};
pub(super) use list::run as list;
pub(super) use obeyed::wait_for_all;

pub(super) async fn pause(args: &WishArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    run(args, true, lines, async |_| Ok(Action::Make(Wish::Pause))).await
}

pub(super) async fn resume(args: &WishArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    run(args, true, lines, async |_| Ok(Action::Withdraw(WishSubject::Rebalancing))).await
}

pub(super) async fn make(kind: WishKind, args: &PodArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let wish = if kind == WishKind::Drain { Wish::Drain(args.pod.clone()) } else { Wish::Cordon(args.pod.clone()) };
    run(&args.wish, args.even_if_unknown, lines, async |_| Ok(Action::Make(wish.clone()))).await
}

pub(super) async fn withdraw(kind: WishKind, args: &PodArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let subject = WishSubject::Worker(kind, args.pod.clone());
    run(&args.wish, args.even_if_unknown, lines, async |_| Ok(Action::Withdraw(subject.clone()))).await
}

pub(super) async fn weigh(args: &WeighArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let PodArgs { pod, even_if_unknown, wish } = &args.pod;
    let action = match args.weight.0 {
        Some(weight) => Action::Make(Wish::Weigh(pod.clone(), weight)),
        None => Action::Withdraw(WishSubject::Worker(WishKind::Weight, pod.clone())),
    };
    run(wish, *even_if_unknown, lines, async |_| Ok(action.clone())).await
}

pub(super) async fn pin(args: &PinArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let PodArgs { pod, even_if_unknown, wish } = &args.pod;
    let pin = async |servers: &Servers| {
        let slot = target::slot(&args.target, &servers.store).await?;
        Ok(Action::Make(Wish::Pin(slot, pod.clone())))
    };
    run(wish, *even_if_unknown, lines, pin).await
}

pub(super) async fn unpin(args: &UnpinArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let unpin =
        async |servers: &Servers| Ok(Action::Withdraw(WishSubject::Slot(target::slot(&args.target, &servers.store).await?)));
    run(&args.wish, true, lines, unpin).await
}

/// Says what the action leads to, asks, carries it out, and waits for it if asked to.
async fn run(
    args: &WishArgs,
    even_if_unknown: bool,
    lines: &StdoutWriter,
    action: impl AsyncFn(&Servers) -> Result<Action, Failure>,
) -> Result<(), Failure> {
    may_ask(args.yes)?;
    let servers = Servers::open(&args.servers).await?;
    let action = action(&servers).await?;
    let overview = servers.overview().await?;
    if !even_if_unknown {
        action.check_worker(&overview)?;
    }
    let effect = effect::text(&action, &overview);
    let changes = !action.is_done(&overview);
    if changes {
        ask(args.yes, &effect)?;
        action.carry_out(wishes(&servers.store)?, &args.operator(), &args.note).await?;
    }
    args.output.finish(
        lines,
        || effect.clone(),
        || json!({"changed": changes, "text": effect, "kind": action.kind().as_str(), "worker": action.worker().map(ToString::to_string)}),
    );
    if args.until_done { wait_for_all(&servers, &[action], args).await } else { Ok(()) }
}

/// Returns the wishes of a store.
pub(super) fn wishes(store: &dyn WorkStore) -> Result<&dyn Wishes, Failure> {
    store.wishes().ok_or_else(|| Failure::Arguments("this store keeps no wishes of operators".into()))
}
