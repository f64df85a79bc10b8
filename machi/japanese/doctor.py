"""What `machi.commands.doctor` and `machi.doctor` say, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Look for the commonest mistakes, and say for each what to do.": (
        """よくある間違いを調べ、それぞれの直し方を示す。

        見るもの: データフォルダー、ディスク、時計、ポート、ブローカー、MQTT ブローカー、
        テナント、@context、既定の語彙に落ちた名前、届かない通知先、不達の通知。何も変更しない。
"""
    ),
    "Address of the MQTT broker.": "MQTT ブローカーのアドレス。",
    "--mqtt takes HOST:PORT, as 127.0.0.1:1883.": "--mqtt には 127.0.0.1:1883 のように。",
    "Things that need a hand: {wrong}": "手当てが必要な点: {wrong} 件",
    "All is well.": "異常はありません。",
    "the broker": "ブローカー",
    "{data} can be written, version {version}.": "{data} に書き込めます（版 {version}）。",
    "{free} left for {data}.": "{data} に {free} の空き。",
    "The clock is not behind the data.": "時計はデータより遅れていません。",
    "{data} is not there yet; it will be made.": "{data} はまだなく、起動時に作られます。",
    "{data} is no folder.": "{data} はフォルダーではありません。",
    "Give a folder: --data DIR": "フォルダーを指定してください: --data DIR",
    "{data} can be written.": "{data} に書き込めます。",
    "{file} is no data file of Machi, or damaged.": (
        "{file} は Machi のデータでないか、壊れています。"
    ),
    "Look closer: machi check --data {data}. Or restore a backup: machi restore --help": (
        "詳しくは: machi check --data {data}。またはバックアップから: machi restore --help"
    ),
    "{file} was written by a newer Machi (version {version}; this one reads up to "
    "{newest_version}).": (
        "{file} は新しい Machi が書いたものです（版 {version}。この Machi は {newest_version}"
        " まで）。"
    ),
    "Install that newer Machi, or use another folder.": (
        "新しい Machi を入れるか、別のフォルダーを使ってください。"
    ),
    "The disk of {data} is nearly full: {free} left.": (
        "{data} のディスクの空きがわずかです: {free}。"
    ),
    "Make room; a broker whose disk is full refuses writes. Old backups and logs are a start.": (
        "空きを作ってください。満杯になるとブローカーは書き込みを拒みます。古いバックアップや"
        "ログから。"
    ),
    "This machine's clock says {now:%Y-%m-%d %H:%M}; the data were written later than that.": (
        "この計算機の時計は {now:%Y-%m-%d %H:%M} ですが、データの書き込みはそれより後です。"
    ),
    "Set the clock, and keep it by NTP: timedatectl set-ntp true": (
        "時計を合わせ、NTP を有効にしてください: timedatectl set-ntp true"
    ),
    "{data} is not there and cannot be made.": "{data} がなく、作ることもできません。",
    "Give a folder that you may write: --data DIR": (
        "書き込めるフォルダーを指定してください: --data DIR"
    ),
    "{path} belongs to {owner} and cannot be written by you.": (
        "{path} は {owner} のもので、書き込めません。"
    ),
    "Run the broker as {owner}, or change the owner: sudo chown -R $USER {data}": (
        "{owner} として動かすか、所有者を変えてください: sudo chown -R $USER {data}"
    ),
    "Port {number}, which {who} needs, is taken by something that is no Machi.": (
        "{who} のポート {number} を、Machi でない何かが使っています。"
    ),
    "Find it: ss -ltnp 'sport = :{number}'. Stop it, or choose another port with --port.": (
        "調べる: ss -ltnp 'sport = :{number}'。止めるか、--port で別のポートを。"
    ),
    "Port {number} is free.": "ポート {number} は空いています。",
    "The MQTT broker at {where} speaks {spoken}.": (
        "{where} の MQTT ブローカーは {spoken} を話します。"
    ),
    "No MQTT broker at {where}.": "{where} に MQTT ブローカーがありません。",
    "Start one (machi up brings one along; or Mosquitto), or name it: --mqtt HOST:PORT": (
        "起動するか（machi up に付属。Mosquitto でも）、指定してください: --mqtt HOST:PORT"
    ),
    "What listens at {where} speaks neither MQTT 5 nor 3.1.1, or asks for a password.": (
        "{where} は MQTT 5 も 3.1.1 も話さないか、パスワードを求めています。"
    ),
    "Check the port (TLS is usually 8883), and the user and password in the endpoint.": (
        "ポート（TLS は通常 8883）と、宛先の利用者名・パスワードを確かめてください。"
    ),
    "The MQTT broker at {where} speaks 3.1.1 only.": (
        "{where} の MQTT ブローカーは 3.1.1 のみです。"
    ),
    "Endpoints that ask for mqtt5.0 fall back to 3.1.1 there.": (
        "mqtt5.0 を指定した宛先は 3.1.1 に切り替わります。"
    ),
    "A tenant comes into being with the first entity created in it.": (
        "テナントは、最初の実体が作られたときにできます。"
    ),
    "The clocks agree.": "時計は合っています。",
    "There is {similar}: --tenant {similar}": "{similar} ならあります: --tenant {similar}",
    "There is no tenant {name}.": "テナント {name} はありません。",
    "The broker has the @context {url}.": "ブローカーは @context {url} を読めます。",
    "No name is there both with and without a context.": (
        "@context のある名前とない名前の重複はありません。"
    ),
    "No notification was given up.": "不達の通知はありません。",
    "The broker at {url} is ready.": "{url} のブローカーは動いています。",
    "The broker's clock and this machine's are {apart:.0f} s apart.": (
        "ブローカーとこの計算機の時計が {apart:.0f} 秒ずれています。"
    ),
    "Keep both by NTP: timedatectl set-ntp true": ("両方で NTP を有効に: timedatectl set-ntp true"),
    "The default tenant is looked at.": "既定のテナントを調べます。",
    "The tenant {name} is there.": "テナント {name} はあります。",
    "Only the core context is used.": "コアの @context だけを使います。",
    "{twice} are there twice: once as of a context ({iri}), and once in the default "
    "vocabulary, where a name falls that no context defines.": (
        "{twice} が二重にあります: @context のもの（{iri}）と、どの @context にもない名前が入"
        "る既定の語彙のもの。"
    ),
    "Some client sends {name!r} without the context. See: {EX}/explain/term?term={name}": (
        "@context なしで {name!r} を送る相手がいます。参照: {EX}/explain/term?term={name}"
    ),
    "it was made": "作成時",
    "{count} notifications could not be delivered.": (
        "届けられなかった通知が {count} 件あります。"
    ),
    "See why: machi dead-letters list. Then replay or discard them.": (
        "理由は: machi dead-letters list。その後、送り直すか捨ててください。"
    ),
    "What answers at {url} is no Machi broker.": "{url} は Machi のブローカーではありません。",
    "Check the URL.": "URL を確かめてください。",
    "{id}: {uri} has not taken a notification since {since}. {why}": (
        "{id}: {uri} が通知を受け取っていません（{since}〜）。{why}"
    ),
    "Mend the receiver or its address; a private address needs machi broker "
    "--allow-egress CIDR. What was given up: machi dead-letters list": (
        "受信側か宛先を直してください。私設アドレスには "
        "machi broker --allow-egress CIDR が必要です。"
        "諦めた通知は: machi dead-letters list"
    ),
    "{paused} subscriptions notify nobody, being paused or expired: {value} …": (
        "休止または期限切れで通知しないものが {paused} 件: {value} …"
    ),
    "{count} subscriptions, none failing.": "{count} 件。失敗なし。",
    "What answers at {url} is no Machi broker, or refuses: {error}": (
        "{url} の応答は Machi のものでないか、拒否です: {error}"
    ),
}
