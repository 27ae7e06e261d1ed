"""The brake against mass cuts (design section 5, Brake): many accounts DUE at once are more likely our mistake than theirs.

It counts the accounts that became DUE within the window. More than max(accounts_max, share of all accounts) closes it; it
stays closed, over restarts too (BRAKE record, SNAPSHOT_BEGIN.brake), until a signed order releases it. Accounts counted
before the release do not close it again; new ones do.

Restart: `replay(account, at_s)` with the time of the DECISION that first found the account due, `replay_paid(account)` for
what ended it. Without them, every due account counts from its first look after the restart: rather a brake too early than
a street dark.
"""

from firmware.base.faults import require


class Brake:
    """Brake(capacity) for at most `capacity` accounts. `closed` is a latch; `due_count` what was counted last."""

    def __init__(self, capacity):
        require(capacity > 0, "brake without memory")
        self.closed = False
        self.due_count = 0
        self._capacity = capacity
        self._due_at_s = {}  # account -> when it became due
        self._still_due = {}  # account -> whether it is due now
        self._forgiven = {}  # account -> released while it was due: does not count until it is due anew

    def replay(self, account, at_s):
        """The journal says: this account was found due at `at_s`. Replay BRAKE records in their order with `closed`, `release`."""
        if self._still_due.get(account, False):
            return
        if account in self._due_at_s or len(self._due_at_s) < self._capacity:
            self._due_at_s[account] = at_s
            self._still_due[account] = True
            self._forgiven.pop(account, None)

    def replay_paid(self, account):
        """The journal says: this account was not due any more; the next time counts anew."""
        if account in self._still_due:
            self._still_due[account] = False

    def on_money(self, account, due, at_s, policy, accounts):
        """Tell whether `account` is due now; `accounts` on this gateway. -> True when the brake closes by this."""
        self._forget_old(at_s, policy.brake_window_s)
        if not due:
            if account in self._still_due:
                self._still_due[account] = False
            return False
        if not self._still_due.get(account, False):
            if account not in self._due_at_s and len(self._due_at_s) >= self._capacity:
                return self._close()  # more than can be counted are too many
            self._due_at_s[account] = at_s
            self._forgiven.pop(account, None)
        self._still_due[account] = True
        self.due_count = self._count(at_s, policy.brake_window_s)
        if self.due_count > self.limit(policy, accounts):
            return self._close()
        return False

    def is_news(self, account):
        """It is not known yet that this account is due."""
        return not self._still_due.get(account, False)

    def limit(self, policy, accounts):
        """So many of `accounts` may be due: within the window, or through one cause."""
        return max(policy.brake_accounts_max, policy.brake_share_percent * accounts // 100)

    def release(self):
        """A signed order opens it; what was due until now has been looked at by a person."""
        self.closed = False
        self.due_count = 0
        for account in self._due_at_s:
            self._forgiven[account] = True

    def _close(self):
        closes = not self.closed
        self.closed = True
        return closes

    def _count(self, now_s, window_s):
        count = 0
        for account in self._due_at_s:
            # a time in the future (clock stepped back, clock unknown) counts as now
            if account not in self._forgiven and now_s - self._due_at_s[account] < window_s:
                count += 1
        return count

    def _forget_old(self, now_s, window_s):
        old = [a for a in self._due_at_s if not self._still_due[a] and now_s - self._due_at_s[a] >= window_s]
        for account in old:
            del self._due_at_s[account]
            del self._still_due[account]
            self._forgiven.pop(account, None)
