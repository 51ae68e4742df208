"""Checkpoint arithmetic in whole seconds: how long a try takes, and what an interruption leaves of it."""

from typing import NamedTuple

NEVER = 1 << 60


class Checkpoints(NamedTuple):
    """After every `every_s` of work, saving takes `cost_s`; a resumed try first spends `restart_s`."""

    every_s: int
    cost_s: int
    restart_s: int


NO_CHECKPOINTS = Checkpoints(NEVER, 0, 0)


class Split(NamedTuple):
    """Where the time of a try went, [s]; `kept_s` is the work that need not be done again."""

    boot_s: int
    restart_s: int
    kept_s: int
    checkpoint_s: int
    lost_s: int


def full_length_s(rule: Checkpoints, remaining_s: int, boot_s: int, restart_s: int) -> int:
    """How long a try takes that nothing interrupts.

    No checkpoint is written when the work is done: (remaining - 1) // every of them.
    """
    if remaining_s <= rule.every_s:
        return boot_s + restart_s + remaining_s
    return boot_s + restart_s + remaining_s + rule.cost_s * ((remaining_s - 1) // rule.every_s)


def split(
    rule: Checkpoints, remaining_s: int, boot_s: int, restart_s: int, elapsed_s: int, warned_s: int
) -> Split:
    """Where `elapsed_s` of a try went that had `remaining_s` of work before it.

    `warned_s` is the notice before the end: when a checkpoint fits into it, one is written in the last
    `cost_s`, and all work before it is saved; otherwise work since the last complete checkpoint is lost.
    """
    if elapsed_s >= full_length_s(rule, remaining_s, boot_s, restart_s):
        return Split(boot_s, restart_s, remaining_s, elapsed_s - boot_s - restart_s - remaining_s, 0)
    boot = min(boot_s, elapsed_s)
    restart = min(restart_s, elapsed_s - boot)
    working = elapsed_s - boot - restart
    cycle_s = rule.every_s + rule.cost_s
    cycles = working // cycle_s
    kept = cycles * rule.every_s
    spent_saving = cycles * rule.cost_s
    rest = working - cycles * cycle_s
    if rule.every_s < NEVER and warned_s > 0 and rule.cost_s <= min(warned_s, rest):
        return Split(boot, restart, kept + rest - rule.cost_s, spent_saving + rule.cost_s, 0)
    saving = max(rest - rule.every_s, 0)
    return Split(boot, restart, kept, spent_saving + saving, rest - saving)
