//! The laws by name, and where each is tried.

use std::fmt;

use super::history::{Loads, Seats, Setting};
use super::rules;
use super::turn::{Finding, Turn};
use crate::{Evenness, Guarantees, Minimality};

/// A law of placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Every slot has an owner in the roster while anybody may receive, and equal histories give equal plans.
    TotalAndDeterministic,
    /// When workers only join, every slot that moves goes to one of them.
    JoinMovesOnlyToTheJoiner,
    /// When workers only leave, their slots move and no others.
    LeaveMovesOnlyTheLeavers,
    /// Joins and leaves at once move as many slots as the leavers had or the joiners get, whichever is more.
    BatchIsMinimal,
    /// Nothing moves between workers that stay as they are; where movement is exactly the least, no worker both gives and
    /// receives items.
    SurvivorsExchangeNothing,
    /// Workers of equal weight own equally many slots, give or take one; a join moves the floor of the joiner's share.
    EqualWeightsWithinOne,
    /// Slots are shared by Webster's rule.
    Webster,
    /// A raised weight moves slots only to its worker, a lowered one only from it.
    WeightChangeMovesOnlyItsWorker,
    /// Items are shared evenly, give or take the heaviest slot.
    ItemWeightsWithinTheHeaviest,
    /// No worker owns more slots than the ring's bound allows.
    WithinTheBound,
    /// A plan is the difference of the look-ups before and after it, each slot once.
    DeltaIsTheDifference,
    /// The roster as it is moves nothing, whatever the loads.
    SameRosterMovesNothing,
    /// An item that comes moves no other.
    NewItemMovesNoOther,
    /// Settling ends within the tolerance, or with no move that helps.
    SettleEndsEven,
    /// A cordoned worker is given nothing.
    CordonedReceiveNothing,
    /// A plan for another state is refused and changes nothing.
    StalePlanIsRefused,
    /// When a worker joins, the slots it gets hold about as many items as others: who collected light slots to reach its share
    /// would soon have more than that of the items to come.
    JoinersGetTypicalSlots,
    /// When workers come and go, it is not always the same slots that move.
    SlotsTakeTurns,
}

impl Law {
    /// Every law.
    pub const ALL: [Self; 18] = [
        Self::TotalAndDeterministic,
        Self::JoinMovesOnlyToTheJoiner,
        Self::LeaveMovesOnlyTheLeavers,
        Self::BatchIsMinimal,
        Self::SurvivorsExchangeNothing,
        Self::EqualWeightsWithinOne,
        Self::Webster,
        Self::WeightChangeMovesOnlyItsWorker,
        Self::ItemWeightsWithinTheHeaviest,
        Self::WithinTheBound,
        Self::DeltaIsTheDifference,
        Self::SameRosterMovesNothing,
        Self::NewItemMovesNoOther,
        Self::SettleEndsEven,
        Self::CordonedReceiveNothing,
        Self::StalePlanIsRefused,
        Self::JoinersGetTypicalSlots,
        Self::SlotsTakeTurns,
    ];

    /// Whether a ring with these guarantees promises it.
    #[must_use]
    pub fn is_promised_by(self, guarantees: Guarantees) -> bool {
        match self {
            Self::BatchIsMinimal | Self::SlotsTakeTurns => guarantees.minimal == Minimality::Exact,
            Self::JoinMovesOnlyToTheJoiner
            | Self::LeaveMovesOnlyTheLeavers
            | Self::SurvivorsExchangeNothing
            | Self::WeightChangeMovesOnlyItsWorker => {
                matches!(guarantees.minimal, Minimality::Exact | Minimality::Consistent)
            }
            Self::EqualWeightsWithinOne | Self::Webster | Self::ItemWeightsWithinTheHeaviest | Self::SettleEndsEven => {
                guarantees.even == Evenness::Exact
            }
            Self::WithinTheBound => matches!(guarantees.even, Evenness::Bounded { .. }),
            Self::TotalAndDeterministic
            | Self::DeltaIsTheDifference
            | Self::SameRosterMovesNothing
            | Self::NewItemMovesNoOther
            | Self::CordonedReceiveNothing
            | Self::StalePlanIsRefused
            | Self::JoinersGetTypicalSlots => true,
        }
    }

    /// The histories on which it is tried. Where a cordon or a drift of the loads may excuse unevenness, there is none.
    pub(super) const fn setting(self) -> Setting {
        let (seats, loads) = match self {
            Self::BatchIsMinimal | Self::Webster | Self::WeightChangeMovesOnlyItsWorker => (Seats::Weighted, Loads::Slots),
            Self::EqualWeightsWithinOne => (Seats::Equal, Loads::Slots),
            Self::JoinersGetTypicalSlots => (Seats::Equal, Loads::Dense),
            Self::SlotsTakeTurns => (Seats::Revolving, Loads::Slots),
            Self::ItemWeightsWithinTheHeaviest => (Seats::Weighted, Loads::SameItems),
            Self::JoinMovesOnlyToTheJoiner | Self::LeaveMovesOnlyTheLeavers | Self::WithinTheBound => {
                (Seats::Weighted, Loads::Changing)
            }
            Self::TotalAndDeterministic
            | Self::SurvivorsExchangeNothing
            | Self::DeltaIsTheDifference
            | Self::SameRosterMovesNothing
            | Self::NewItemMovesNoOther
            | Self::SettleEndsEven
            | Self::CordonedReceiveNothing
            | Self::StalePlanIsRefused => (Seats::Cordoned, Loads::Changing),
        };
        Setting { seats, loads }
    }

    pub(super) fn judge(self, turn: &Turn<'_>) -> Finding {
        match self {
            Self::TotalAndDeterministic => rules::total_and_deterministic(turn),
            Self::JoinMovesOnlyToTheJoiner => rules::join_moves_only_to_the_joiner(turn),
            Self::LeaveMovesOnlyTheLeavers => rules::leave_moves_only_the_leavers(turn),
            Self::BatchIsMinimal => rules::batch_is_minimal(turn),
            Self::SurvivorsExchangeNothing => rules::survivors_exchange_nothing(turn),
            Self::EqualWeightsWithinOne => rules::equal_weights_within_one(turn),
            Self::Webster => rules::webster(turn),
            Self::WeightChangeMovesOnlyItsWorker => rules::weight_change_moves_only_its_worker(turn),
            Self::ItemWeightsWithinTheHeaviest => rules::item_weights_within_the_heaviest(turn),
            Self::WithinTheBound => rules::within_the_bound(turn),
            Self::DeltaIsTheDifference => rules::delta_is_the_difference(turn),
            Self::SameRosterMovesNothing => rules::same_roster_moves_nothing(turn),
            Self::NewItemMovesNoOther => rules::new_item_moves_no_other(turn),
            Self::SettleEndsEven => rules::settle_ends_even(turn),
            Self::CordonedReceiveNothing => rules::cordoned_receive_nothing(turn),
            Self::StalePlanIsRefused => rules::stale_plan_is_refused(turn),
            Self::JoinersGetTypicalSlots => rules::joiners_get_typical_slots(turn),
            Self::SlotsTakeTurns => rules::slots_take_turns(turn),
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the law {self:?}")
    }
}
