"""The brake against mass cuts (design section 5, Brake): many accounts DUE at once are more likely our mistake than theirs.

It counts the accounts that became DUE within the window. More than max(accounts_max, share of all accounts) closes it; it
stays closed, over restarts too (BRAKE record, SNAPSHOT_BEGIN.brake), until a signed order releases it. Accounts counted
before the release do not close it again; new ones do.

Trap avoided: what was counted is not forgotten when a window is over, since another policy - of another account, or the next
version - may ask for a longer one. It goes only where the place is needed.

Restart: `replay(account, at_s)` with the time of the DECISION that first found the account due, `replay_paid(account)` for
what ended it. Without them, every due account counts from its first look after the restart: rather a brake too early than
a street dark.
"""

from firmware.base.faults import require
from firmware.base.port import const

AROUND_S = const(1_767_225_600)  # times are kept from here on: small integers take no room of the heap


class Brake:
    """Brake(capacity) for at most `capacity` accounts. `closed` is a latch; `due_count` what was counted last."""

    def __init__(self, capacity):
        require(capacity > 0, "brake without memory")
        self.closed = False
        self.due_count = 0
        self._capacity = capacity
        self._due_at_s = {}  # account -> when it became due last, seconds from AROUND_S
        self._due_now = {}  # account that is due now -> released meanwhile: does not count until it is due anew

    def replay(self, account, at_s):
        """The journal says: this account was found due at `at_s`. Replay BRAKE records in their order with `closed`, `release`."""
        if account not in self._due_now and (account in self._due_at_s or len(self._due_at_s) < self._capacity):
            self._count_from(account, at_s)

    def replay_paid(self, account):
        """The journal says: this account was not due any more; the next time counts anew."""
        if self._due_now.pop(account, False):
            del self._due_at_s[account]

    def on_money(self, account, due, at_s, policy, accounts):
        """Tell whether `account` is due now; `accounts` on this gateway. -> True when the brake closes by this."""
        if not due:
            self.replay_paid(account)
            return False
        if account not in self._due_now:
            if account not in self._due_at_s and len(self._due_at_s) >= self._capacity:
                self._forget_old(at_s, policy.brake_window_s)
                if len(self._due_at_s) >= self._capacity:
                    return self._close()  # more than can be counted are too many
            self._count_from(account, at_s)
        self.due_count = self._count(at_s, policy.brake_window_s)
        if self.due_count > self.limit(policy, accounts):
            return self._close()
        return False

    def is_news(self, account):
        """It is not known yet that this account is due."""
        return account not in self._due_now

    def limit(self, policy, accounts):
        """So many of `accounts` may be due: within the window, or through one cause."""
        return max(policy.brake_accounts_max, policy.brake_share_percent * accounts // 100)

    def release(self):
        """A signed order opens it; what was due until now has been looked at by a person."""
        self.closed = False
        self.due_count = 0
        for account in list(self._due_at_s):
            if account in self._due_now:
                self._due_now[account] = True
            else:
                del self._due_at_s[account]

    def _count_from(self, account, at_s):
        self._due_at_s[account] = at_s - AROUND_S
        self._due_now[account] = False

    def _close(self):
        closes = not self.closed
        self.closed = True
        return closes

    def _count(self, now_s, window_s):
        """A time in the future (clock stepped back, clock unknown) counts as now."""
        count = 0
        for account in self._due_at_s:
            if now_s - AROUND_S - self._due_at_s[account] < window_s and not self._due_now.get(account, False):
                count += 1
        return count

    def _forget_old(self, now_s, window_s):
        for account in list(self._due_at_s):
            if account not in self._due_now and now_s - AROUND_S - self._due_at_s[account] >= window_s:
                del self._due_at_s[account]
