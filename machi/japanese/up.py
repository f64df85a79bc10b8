"""What `machi.commands.up` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Who may do what: embedded asks keys and policies, off lets everybody do everything.": (
        "誰が何をできるか: embedded は鍵とポリシーで決め、off は誰でも何でも。"
    ),
    "the context broker": "ブローカー",
    "the page": "ページ",
    "the staff page": "職員用ページ",
    "Start the demo town: broker, MQTT broker, gauges, lights, alerts, page.": (
        """デモの町を起動する（ブローカー、MQTT、水位計、灯り、警報、ページ）。

        待ち受けはこの計算機の中だけ。二度目は同じデータの続きから。ログの各行の先頭は
        プロセス名。終わったプロセスは間隔を広げながら起動し直す。Ctrl-C で順に止まる。
"""
    ),
    "Port of the bookings; the counter and the simulated payments take the next two.": (
        "施設予約のポート。窓口のページと模擬決済は続く二つのポートを使う。"
    ),
    "Port of the town's money for phones; the staff's pages take the next one.": (
        "町のお金（きじこ）の市民・お店用ページのポート。職員用ページはその次のポートを使う。"
    ),
    "Port of the simulated light; the drill's light takes the next one.": (
        "模擬の灯りのポート。訓練用の灯りはその次のポートを使う。"
    ),
    "With or without simulated gauges and lights.": "模擬の水位計と灯りを動かすかどうか。",
    "With an MQTT broker of its own, or with the one that listens on --mqtt-port.": (
        "自前の MQTT ブローカーを使うか、--mqtt-port で待ち受けているものを使うか。"
    ),
    "the consent centre": "同意センター",
    "the simulated cloud of a vendor of locks": "錠ベンダーのクラウド（模擬）",
}
