"""Live streams: who looks at which changes, followed at each reader's own pace."""

from broker.subscriptions.live.events import Told
from broker.subscriptions.live.feed import Feed
from broker.subscriptions.live.follower import Follower, Forgotten
from broker.subscriptions.live.lens import Lens

__all__ = ["Feed", "Follower", "Forgotten", "Lens", "Told"]
