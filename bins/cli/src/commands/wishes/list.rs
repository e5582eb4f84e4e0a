//! `notifi-scaler wishes`: lists what operators asked for.

use notifi_scaler_common::Failure;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::utc::utc;
use scaler_core::{RecordedWish, Wish};
use serde_json::{Value, json};

use super::{WishesArgs, wishes};
use crate::commands::open;
use crate::table::{Align, Table};

pub(in crate::commands) async fn run(args: &WishesArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let store = open(&args.postgres, &args.wait).await?;
    store.probe_to_look().await?;
    let kept = wishes(&store)?.wishes().await?;
    args.output.finish(lines, || text(&kept), || json!({"wishes": kept.iter().map(document).collect::<Vec<_>>()}));
    Ok(())
}

fn text(kept: &[RecordedWish]) -> String {
    if kept.is_empty() {
        return "operators ask for nothing".to_owned();
    }
    let mut table = Table::new([("wish", Align::Left), ("since", Align::Left), ("by", Align::Left), ("note", Align::Left)]);
    for RecordedWish { wish, by, note, since } in kept {
        table.row([wish.to_string(), utc(*since), by.clone(), note.clone()]);
    }
    table.to_string()
}

/// Returns a wish as an object, as the operators' API has it.
fn document(RecordedWish { wish, by, note, since }: &RecordedWish) -> Value {
    let (slot, weight) = match wish {
        Wish::Pin(slot, _) => (Some(slot.number()), None),
        Wish::Weigh(_, weight) => (None, Some(weight.get())),
        Wish::Pause | Wish::Cordon(_) | Wish::Drain(_) => (None, None),
    };
    json!({
        "wish": wish.kind().as_str(), "worker": wish.worker().map(ToString::to_string), "slot": slot, "weight": weight,
        "by": by, "note": note, "since": utc(*since),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scaler_core::{Slot, Weight};

    use super::*;
    use crate::commands::testing::worker;

    #[test]
    fn wishes_are_a_table_or_objects() {
        let recorded = |wish| RecordedWish { wish, by: "alice".into(), note: "disk".into(), since: Duration::ZERO };
        let kept = [
            recorded(Wish::Weigh(worker("worker-1"), Weight::new(2).unwrap())),
            recorded(Wish::Pin(Slot::new(7), worker("worker-1"))),
        ];
        let expected = "\
wish                          since                     by     note
----------------------------  ------------------------  -----  ----
worker-1 has weight 2         1970-01-01T00:00:00.000Z  alice  disk
slot 7 is pinned to worker-1  1970-01-01T00:00:00.000Z  alice  disk";
        assert_eq!(text(&kept), expected);
        assert_eq!(text(&[]), "operators ask for nothing");
        assert_eq!((&document(&kept[0])["weight"], &document(&kept[1])["slot"]), (&json!(2), &json!(7)));
        assert_eq!((&document(&kept[1])["wish"], &document(&kept[1])["worker"]), (&json!("pin"), &json!("worker-1")));
    }
}
