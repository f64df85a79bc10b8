"""Why a delivery failed, in Japanese: what tries and the store say of it is English."""

from __future__ import annotations

import re
from typing import Final

_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (r"The receiver answers (\d+)([^.;]*)\.", r"受信先が{0}{1}と答えました。"),
    (r"The receiver answers (\d+)([^;]*); notifications do not follow redirects\.",
     "受信先が{0}{1}(転送)と答えました。通知は転送先を追いません。"),
    (r"The receiver did not answer in time\.", "受信先が時間内に答えませんでした。"),
    (r"The receiver did not connect within ([\d.]+) s\.", "{0}秒以内に接続できませんでした。"),
    (r"The receiver's port takes no connections\.", "受信先のポートが接続を受け付けません。"),
    (r"The receiver's name cannot be resolved\.", "受信先の名前を解決できません。"),
    (r"The receiver closed the connection without an answer\.",
     "受信先が答えずに接続を閉じました。"),
    (r"The receiver does not answer in proper HTTP\.", "受信先の答えがHTTPではありません。"),
    (r"No connection can be made to the receiver\.", "受信先に接続できません。"),
    (r"TLS with the receiver failed: (.*)\.", "受信先とのTLSに失敗しました({0})。"),
    (r"The egress rule forbids the receiver's address; .*",
     "受信先のアドレスは許されていません。--allow-egress で許可できます。"),
    (r"No connection can be made to the MQTT broker\.", "MQTTブローカーに接続できません。"),
    (r"The connection to the MQTT broker was lost\.", "MQTTブローカーとの接続が切れました。"),
    (r"The MQTT broker did not acknowledge the message in time\.",
     "MQTTブローカーが時間内に受領を返しませんでした。"),
    (r"The MQTT broker refuses the user name or password\.",
     "MQTTブローカーが利用者名かパスワードを拒みました。"),
    (r"The broker was stopped meanwhile\.", "送信中にこのブローカーが停止しました。"),
    (r"Refused (\d+) times\.", "{0}回拒まれました。"),
    (r"Tried (\d+) times in (\d+) hours\.", "{1}時間に{0}回試しました。"),
    (r"Stopped a loop: .*", "通知の循環を止めました。受信先が、通知された値を書き戻しています。"),
    (r"Too many receivers' names are being resolved\.", "名前を解決中の受信先が多すぎます。"),
    (r"The MQTT broker refuses the connection \(code (\d+)\)\.",
     "MQTTブローカーが接続を拒みました(コード{0})。"),
    (r"The message cannot be published: (.*)\.", "通知を発行できません({0})。"),
    (r"(`.*`) in receiverInfo cannot be an HTTP header\.",
     "receiverInfo の {0} はHTTPヘッダーにできません。"),
    (r"Its tokens and passwords cannot be read, .*",
     "トークンやパスワードを読めません。receivers.key が封をした時のものではありません。"
     "元に戻してブローカーを起動し直すか、トークンなどを送り直してください。"),
    (r"Speaks MQTT 3\.1\.1, not 5\.0 as asked\.", "MQTT 5.0ではなく3.1.1で接続しています。"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), text) for pattern, text in _REASONS)


def reason(words: str, lang: str) -> str:
    """Return why something failed, in a language; what has no translation stays as it is."""
    if lang != "ja":
        return words
    told, rest = [], words
    while rest:
        for pattern, text in _COMPILED:
            found = pattern.match(rest)
            if found is not None:
                told.append(text.format(*found.groups()))
                rest = rest[found.end() :].lstrip()
                break
        else:
            return words
    return "".join(told)
