"""What `machi.commands.replay` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "【訓練】 The flood of 4 July 2020, {begin:%H:%M} to {end:%H:%M}, at {speed:g} times its "
    "speed: {samples} levels in {seconds:.0f} s": (
        "【訓練】 2020年7月4日の洪水 {begin:%H:%M}〜{end:%H:%M}、{speed:g} 倍速: {samples} 件"
        "の水位を {seconds:.0f} 秒で"
    ),
    "【訓練】 The drill is over; the page shows the real river again.": (
        "【訓練】 訓練終了。ページは実際の川の表示に戻ります。"
    ),
    "Play the Kuma River flood of 4 July 2020 into the running town, as a drill.": (
        """2020年7月4日の球磨川の洪水を、訓練として動いている町に流す。

        公表された水位を、当時の時刻のまま LoRaWAN の上りメッセージとして MQTT に送る。
        後は水位計アダプター、警報、ページの仕事。すべてに【訓練】と付き、訓練用テナントの
        外には出ない。公表値の間は補間、最初の値より前は仮定で、どちらもそう記される。
"""
    ),
    "How many times faster than the flood itself.": "実際の何倍の速さか。",
    "Time on 4 July 2020 (Japan) to start at.": "始める時刻（2020年7月4日）。",
    "Time on 4 July 2020 (Japan) to end at.": "終える時刻（2020年7月4日）。",
    "No level is known in this span; the flood runs from 01:00 to 09:00.": (
        "この範囲の水位はありません。洪水は 01:00 から 09:00 までです。"
    ),
    "--{edge} takes a time such as 05:30, not {text!r}.": (
        "--{edge} には 05:30 のような時刻を指定してください（{text!r} ではなく）。"
    ),
}
