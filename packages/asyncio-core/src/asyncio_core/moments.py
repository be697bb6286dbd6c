"""What may be said for a time in seconds: a number that can be told from the clock's.

NaN is before nothing and after nothing. Among timers it would stand still, and let nothing pass that
lies behind it; so it is refused where it is given, as is what cannot be compared with a clock at all.
"""

from __future__ import annotations

from asyncio_core.exceptions import drop_own_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check_moment(value: Any, name: str = "when") -> float:
    """Return `value` as a float to order it by.

    Raises ValueError with `name` and the value for NaN of any type, and TypeError for what is no number.
    """
    try:
        try:
            if value != value or not (value < 0.0 or value >= 0.0):
                raise ValueError(f"{name} must not be NaN, got {value!r}")
            moment = float(value)
        except ValueError:
            raise
        except OverflowError:
            # An int that no float can hold. So far away, one moment is as good as another.
            return float("inf") if value > 0 else float("-inf")
        except ArithmeticError:
            # Decimal's NaN raises InvalidOperation, in place of being neither less nor greater.
            raise ValueError(f"{name} must not be NaN, got {value!r}") from None
        except Exception:
            # What it said of itself is of no help to who called sleep().
            raise TypeError(f"{name} must be a number, not {value!r}") from None
        if moment != moment:
            raise ValueError(f"{name} must not be NaN, got {value!r}")
        return moment
    except BaseException as error:
        drop_own_frame(error)
        raise
