"""What the command line says, in Japanese: by the first line of what it says in English."""

from __future__ import annotations

from typing import Final

JAPANESE: Final[dict[str, str]] = {
    "The broker at {url} gives no answer ({why}).": "{url} のブローカーが応答しません（{why}）。",
    "it takes too long": "時間切れ",
    "Start it (machi broker, or machi up), or name another with --broker; machi doctor "
    "looks for the cause.": (
        "起動する（machi broker または machi up）か、--broker で別のものを指定してください。"
        "原因は machi doctor で調べられます。"
    ),
    "The answer is {status}, and not from a Machi broker.": (
        "応答は {status} で、Machi のブローカーのものではありません。"
    ),
    "Check --broker.": "--broker を確かめてください。",
    "Machi (町): an open city OS.": "Machi（町）: オープンな都市 OS。",
    "machi up                              the whole demo town, page on http://localhost:8080": (
        "machi up                              デモの町すべて。ページは http://localhost:8080"
    ),
    "machi replay kuma-2020 --speed 600    play a flood into the running town, as a drill": (
        "machi replay kuma-2020 --speed 600    動いている町に洪水を流す（訓練）"
    ),
    "machi broker --data DIR               only the NGSI-LD context broker, on port 1026": (
        "machi broker --data DIR               NGSI-LD ブローカーだけ、ポート 1026"
    ),
    "machi tail --type RiverLevelStation   watch changes as they happen": (
        "machi tail --type RiverLevelStation   変化をその場で見る"
    ),
    "machi doctor                          find out what is wrong, and what to do about it": (
        "machi doctor                          不具合の原因と直し方を調べる"
    ),
    "machi backup data backup.machi        copy the data of a running or stopped broker": (
        "machi backup data backup.machi        データを写す（ブローカーは動いていてよい）"
    ),
    "the API": "API",
    "Run the NGSI-LD context broker alone, until Ctrl-C or SIGTERM.": (
        """NGSI-LD コンテキストブローカーだけを動かす（Ctrl-C か SIGTERM まで）。

        --host を指定しなければ、この計算機からだけ使える。--auth off では、ポートに届く人は
        すべてに届く。--auth embedded では、公開データに鍵は要らず、ほかには machi keys で作る
        鍵が要る。
"""
    ),
    "Folder of keys, accounts and secrets where several brokers share them; --data if left out.": (
        "複数のブローカーで共有する、鍵、アカウント、秘密のフォルダー。省けば --data。"
    ),
    "File with the URL of --store, for a secret that is handed over as a file.": (
        "--store の URL を書いたファイル（秘密をファイルで渡すとき）。"
    ),
    "Address to listen on.": "待ち受けるアドレス。",
    "Who may do what: off lets everybody do everything, embedded asks keys and policies, oidc "
    "the tokens of a provider too.": (
        "誰が何をできるか: off は誰でも何でも、embedded は鍵とポリシーで、"
        "oidc は認証基盤のトークンでも決める。"
    ),
    "Issuer of the OpenID Connect provider whose tokens are taken.": (
        "トークンを受け入れる OpenID Connect 認証基盤の発行者（issuer）。"
    ),
    "Whom the provider's tokens must be for.": "トークンの宛先（audience）。",
    "JSON file that says which claim gives which roles.": (
        "どのクレームがどの役割になるかを書いた JSON ファイル。"
    ),
    "Start the broker with --auth off, and mend the policy there.": (
        "--auth off でブローカーを起動し、そのポリシーを直してください。"
    ),
    "--auth oidc and --oidc-issuer go together.": (
        "--auth oidc と --oidc-issuer は一緒に使います。"
    ),
    "Who may do what: embedded asks keys and policies, off lets everybody do everything.": (
        "誰が何をできるか: embedded は鍵とポリシーで決め、off は誰でも何でも。"
    ),
    "The file of MACHI_KEY_FILE cannot be read: {why}.": (
        "MACHI_KEY_FILE のファイルが読めません: {why}。"
    ),
    "JSON file with the policies of --auth embedded, instead of those that come along.": (
        "--auth embedded のポリシーの JSON ファイル（付属のものの代わり）。"
    ),
    "--policies goes with --auth embedded.": "--policies は --auth embedded と使います。",
    "Make, list and revoke keys of a broker with --auth embedded.": (
        """--auth embedded のブローカーの鍵を作り、一覧し、取り消す。

        データフォルダで働く。ブローカーは動いていてよく、次の要求から変更に従う。
"""
    ),
    "Make a key for a client, and the client where there is none; show the key once.": (
        """クライアントの鍵を作る（なければクライアントも）。鍵は一度だけ表示する。

        要求のたびに Authorization: Bearer 鍵 として送る。既にあるクライアントでは、オプションが
        その権限を変え、ほかの鍵は有効なまま。
"""
    ),
    "Role of the client, such as developer or staff:river; repeatable.": (
        "クライアントの役割。developer や staff:river など。複数可。"
    ),
    "Purpose it may read for.": "読む目的。",
    "Tenant it may reach, empty for the default one; all if left out.": (
        "使えるテナント。空は既定のもの。省略するとすべて。"
    ),
    "Entity that this device may write, or only some attributes of it; repeatable.": (
        "この機器が書けるエンティティ、またはその一部の属性。複数可。"
    ),
    "Requests a second it may make on average; any if left out.": (
        "1 秒あたりの要求数の上限（平均）。省略すると無制限。"
    ),
    "Requests a day it may make; any if left out.": "1 日の要求数の上限。省略すると無制限。",
    "Days until the key expires; never if left out.": "鍵の有効日数。省略すると無期限。",
    "Keep it now: it is not shown again. Send it as Authorization: Bearer …": (
        "今すぐ控えてください。二度と表示しません。Authorization: Bearer … として送ります。"
    ),
    "List keys, the oldest first.": "鍵を古い順に一覧する。",
    "There are no keys yet; machi keys create makes one.": (
        "鍵はまだありません。machi keys create で作れます。"
    ),
    "valid": "有効",
    "revoked": "取消済み",
    "expired": "期限切れ",
    "client": "クライアント",
    "roles": "役割",
    "created": "作成",
    "state": "状態",
    "Make, list and remove accounts of people, for a broker with --auth embedded.": (
        """--auth embedded のブローカーで人のアカウントを作り、一覧し、消す。

        データフォルダで働く。ブローカーは動いていてよい。名前は要約値だけを残すので、一覧は
        ID で示す。
"""
    ),
    "Password": "パスワード",
    "Asked for if left out, which keeps it out of the shell's history.": (
        "省略すると尋ねる（シェルの履歴に残らない）。"
    ),
    "Make an account for a name, with a password of at least 12 characters.": (
        "名前のアカウントを作る。パスワードは 12 文字以上。"
    ),
    "The account {id} is made; sign in with the name and password.": (
        "アカウント {id} を作りました。名前とパスワードでサインインします。"
    ),
    "List accounts by id.": "アカウントを ID 順に一覧する。",
    "There are no accounts yet; machi accounts create makes one.": (
        "アカウントはまだありません。machi accounts create で作れます。"
    ),
    "Change a password, and end the sessions that are open under the name.": (
        "パスワードを変え、その名前のセッションを終わらせる。"
    ),
    "There is no account of this name. See machi accounts list.": (
        "その名前のアカウントはありません。machi accounts list を見てください。"
    ),
    "The password is changed, and open sessions are ended.": (
        "パスワードを変え、開いていたセッションを終わらせました。"
    ),
    "Forget an account and its sessions.": "アカウントとそのセッションを消す。",
    "The account {id} is gone.": "アカウント {id} を消しました。",
    "a password has at least {number} characters": "パスワードは {number} 文字以上です",
    "Let a key open nothing from now on.": "鍵を今後無効にする。",
    "The key {id} is revoked.": "鍵 {id} を取り消しました。",
    "Forget a client and all its keys.": "クライアントとその鍵をすべて消す。",
    "The client {name} and its keys are gone.": "クライアント {name} と鍵を消しました。",
    "Private network that contexts may be fetched from and notifications sent to; repeatable.": (
        "@context の取得や通知の送信を許す私設ネットワーク。複数可。"
    ),
    "Further name that requests may carry as Host header; repeatable.": (
        "Host ヘッダーとして認める名前。複数可。"
    ),
    "Web page, such as https://town.example, that may call the API from a browser; repeatable.": (
        "ブラウザーから API を呼んでよいウェブページのオリジン。複数可。"
    ),
    "Seconds after which a quiet stream says so.": "静かなストリームの生存通知の間隔（秒）。",
    "Streams served at a time.": "同時に開けるストリームの数。",
    "Attribute instances in one answer of the temporal API.": (
        "時系列 API の 1 回の応答に含める属性インスタンスの数。"
    ),
    "See machi broker --help for the options.": "machi broker --help を参照。",
    "{data} is whole": "{data} は無傷です",
    "Check that the data in a folder are whole: file, indexes, change feed.": (
        "フォルダーのデータ（ファイル、索引、変更フィード）が無傷か調べる。"
    ),
    "{source} is copied to {target}": "{source} を {target} に写しました",
    "{key} is not in it: keep a copy apart, or tokens of receivers cannot be read.": (
        "{key} は含まれません。別に保管してください。なければ受信先のトークンを読めません。"
    ),
    "Copy the data folder SOURCE of a running or stopped broker to the file TARGET.": (
        "ブローカーのデータフォルダー SOURCE をファイル TARGET に写す（動作中でもよい）。"
    ),
    "Put the file of the same backup there.": "同じバックアップのファイルを置いてください。",
    "{source} is restored to {data}": "{source} を {data} に戻しました",
    "Put the backup file SOURCE in place as a data folder. The broker must be stopped.": (
        "バックアップ SOURCE をデータフォルダーとして戻す。ブローカーは止めておくこと。"
    ),
    "Replace data that are there.": "既にあるデータを置き換える。",
    "{faults} faults found in {data}.": "{data} に {faults} 件の異常。",
    "Restore a backup: machi restore BACKUP --data DIR": (
        "バックアップから戻してください: machi restore BACKUP --data DIR"
    ),
    "All letters of this subscription.": "このサブスクリプションのすべて。",
    "Look at notifications that could not be delivered; send them again, or let them go.": (
        """届けられなかった通知（不達）を見る・送り直す・捨てる。

        最後の試みまで失敗した通知が不達になる。内容は変化した当時のまま。送り直すと、
        待ち行列の元の位置に戻る。
"""
    ),
    "LETTER": "不達",
    "DIED": "時刻",
    "TRIES": "回数",
    "ENTITY": "実体",
    "SUBSCRIPTION": "サブスクリプション",
    "WHY": "理由",
    "Mend the receiver, then: machi dead-letters replay LETTER": (
        "受信側を直してから: machi dead-letters replay 不達"
    ),
    "List dead letters, the newest first.": "不達を新しい順に一覧する。",
    "Show a dead letter whole, with the notification as it would be sent.": (
        "不達の全体を、送るはずの通知とともに示す。"
    ),
    "{replayed} wait to be sent": "{replayed} 件を送信待ちに戻しました",
    "Send one dead letter again, or all of a subscription.": (
        "不達を一つ、またはサブスクリプションの分すべて送り直す。"
    ),
    "{discarded} are gone": "{discarded} 件を捨てました",
    "Let one dead letter go, or all of a subscription. They cannot be had back.": (
        "不達を一つ、またはサブスクリプションの分すべて捨てる。元には戻せない。"
    ),
    "There are no dead letters.": "不達の通知はありません。",
    "… and {found} more: --limit": "他 {found} 件: --limit",
    "{letter} waits to be sent": "{letter} を送信待ちに戻しました",
    "{letter} is gone": "{letter} を捨てました",
    "Name one LETTER, or a --subscription.": (
        "LETTER を一つか、--subscription のどちらかを指定してください。"
    ),
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
    "the MQTT broker": "MQTT ブローカー",
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
    "Exit codes:": (
        """
\b
終了コード:
  0  完了、または指示により停止
  1  失敗（理由はメッセージに）
  2  使い方の誤り
  3  ポートが使用中
  4  動いているはずの町やブローカーが応答しない
  5  町のプロセスが起動しない
  6  データまたはバックアップの破損・使用中・不在・重複
  7  ブローカーが拒否（理由はメッセージに）
  8  doctor が手当ての必要な点を見つけた
"""
    ),
    "Examples:": "例:",
    "Folder of the town's data.": "町のデータのフォルダー。",
    "Print JSON, for programs.": "JSON で出力する。",
    "Port of {what}.": "{what} のポート。",
    "@context that names are read and shown by.": "名前の読み書きに使う @context の URL。",
    "Tenant; the default one if left out.": "テナント。省略時は既定のテナント。",
    "URL of the running broker.": "動いているブローカーの URL。",
    "Show and change who is notified of what: subscriptions.": (
        "サブスクリプション（誰に何を通知するか）を見る・変える。"
    ),
    "STATUS": "状態",
    "SENT": "送信",
    "FAILED": "失敗",
    "OF WHAT": "対象",
    "TO": "宛先",
    "List all subscriptions of a tenant.": "テナントのサブスクリプションを一覧する。",
    "Show one subscription whole, as JSON.": "サブスクリプションを JSON で全部示す。",
    "Show tokens and passwords too, not ***.": "トークンやパスワードも *** にせずに示す。",
    "Make a subscription, and print its id.": (
        """サブスクリプションを作り、その ID を表示する。

        通知は HTTP の POST（--to http://… https://…）か MQTT（--to mqtt://ホスト/トピック）。
        届かないものは待って再送し、最後まで届かなければ machi dead-letters list に残る。
"""
    ),
    "Where to send.": "宛先。",
    "Entity type; repeatable.": "実体の型。複数可。",
    "Entity id; repeatable.": "実体の ID。複数可。",
    "Regular expression for ids.": "ID の正規表現。",
    "Watched attribute; repeatable.": "監視する属性。複数可。",
    "Condition: 'level>3;name'.": "条件。例: 'level>3;name'",
    "Scope: '/Hitoyoshi/#'.": "スコープ。例: '/Hitoyoshi/#'",
    "Only nearer than this.": "この距離より近いもの。",
    "entityCreated, attributeUpdated, entityDeleted, …; repeatable.": (
        "entityCreated、attributeUpdated、entityDeleted など。複数可。"
    ),
    "Notify at intervals instead of on changes.": "変化時でなく一定間隔で通知。",
    "At least so long between two notifications.": "通知の最小間隔。",
    "End, as 2027-01-01T00:00:00Z.": "期限。",
    "Send only this member; repeatable.": "この項目だけ送る。複数可。",
    "HTTP header to send along; repeatable.": "添える HTTP ヘッダー。複数可。",
    "A name for people.": "人が読む名前。",
    "{id_} is paused": "{id_} を休止しました",
    "Pause: what waits is cancelled, nothing more is sent.": (
        "休止する。待っている通知は取り消され、以後送らない。"
    ),
    "{id_} is active": "{id_} を再開しました",
    "Resume a paused subscription, from the next change on.": (
        "休止中のサブスクリプションを、次の変化から再開する。"
    ),
    "{id_} is deleted": "{id_} を削除しました",
    "Delete a subscription, with what waits for it and its dead letters.": (
        "サブスクリプションを、待ちや不達の通知ごと削除する。"
    ),
    "There are no subscriptions.": "サブスクリプションはありません。",
    "Make one: machi subscriptions create --help": "作り方: machi subscriptions create --help",
    "See how it goes: machi subscriptions explain {made}": (
        "様子を見るには: machi subscriptions explain {made}"
    ),
    "--id and --id-pattern need a --type beside them.": (
        "--id と --id-pattern には --type も必要です。"
    ),
    "--near takes longitude, latitude and metres, as 130.76,32.21,500; not {text!r}.": (
        "--near には 130.76,32.21,500 のように経度・緯度・メートルを（{text!r} ではなく）。"
    ),
    "Watch changes as they happen, one line each, until Ctrl-C.": (
        """変化をその場で一行ずつ表示する（Ctrl-C まで）。

        切断されても続きから再開し、ブローカーが保持する七日分の抜けはない。`enter` は
        新しく作られたか条件を満たし始めた実体、`leave` と `delete` はその逆。
"""
    ),
    "Entity types, joined by commas.": "実体の型。コンマ区切り。",
    "Entity ids, joined by commas.": "実体の ID。コンマ区切り。",
    "Of updates, only those of these attributes.": "この属性が変わった更新だけ。",
    "Show only these attributes.": "この属性だけを示す。",
    "Begin with what is there now.": "現在あるものから始める。",
    "Begin behind this change.": "この番号の変化の次から。",
    "End after so many events.": "この件数で終わる。",
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
    "connected": "接続",
    "connection lost, trying again": "切断。再接続を試みます",
    "changes were missed for good": "取り戻せない抜けがあります",
    "that is all there is now; what follows is new": "現在の分は以上。以降は新しい変化",
    "the broker ends the stream": "ブローカーがストリームを終えました",
    "What happens to entities that do not fit the data model of their type.": (
        "型のデータモデルに合わないエンティティをどうするか。"
    ),
    "The same for one type, such as RiverLevelStation=reject; repeatable.": (
        "一つの型について同じ指定。例 RiverLevelStation=reject。繰り返し指定できる。"
    ),
    "JSON-LD context that names are read and shown by; the core context if left out.": (
        "名前の読み書きに使う JSON-LD コンテキスト。省くとコアコンテキスト。"
    ),
    "Bring data in.": "データを取り込む。",
    "Take data out.": "データを取り出す。",
    "{count} instances of {source} are history": "{source} の {count} 件が履歴になりました",
    "Bring the file SOURCE into history, with the data's own times.": (
        """ファイル SOURCE を、データ自身の時刻のまま履歴に取り込む。

        時刻の列を持つ CSV か JSON Lines。属性は attribute と value の列か、属性ごとの列で。または
        NGSI-LD の時系列エンティティを、一行に一つ(.jsonl)か一つのファイル(.json)で。ブローカーは
        止めておく。中断したら、もう一度実行すると続きから始まる。既にある履歴は重複しない。
        """
    ),
    "What the file is, where its name does not tell.": "名前で分からないときのファイルの形式。",
    "Entity, where there is no column id.": "id の列がないときのエンティティ。",
    "Type, where there is no column type.": "type の列がないときの型。",
    "Column with the time of each row.": "各行の時刻の列。",
    "Time zone of times that name none, such as Asia/Tokyo.": (
        "時刻に時間帯がないときの時間帯。例 Asia/Tokyo。"
    ),
    "{count} instances are in {output}": "{count} 件を {output} に書きました",
    "Take series out of history as a table, also beside a running broker.": (
        """履歴の時系列を表として取り出す。動いているブローカーの横でもできる。

        直前の一秒ほどの変化は含まれないことがある。CSV は machi import history で読み戻せる。
        データが含まれる人の閲覧記録に残る。動作中のブローカーがあれば、それが書く。
        """
    ),
    "File to write, .csv or .parquet; CSV to the standard output if left out.": (
        "書き出すファイル、.csv か .parquet。省くと標準出力に CSV。"
    ),
    "Only this entity; repeatable.": "このエンティティだけ。繰り返し指定できる。",
    "Only entities of this type; repeatable.": "この型のエンティティだけ。繰り返し指定できる。",
    "Only this one; repeatable.": "この属性だけ。繰り返し指定できる。",
    "Only what was observed then or later.": "この時刻以後に観測されたものだけ。",
    "Only what was observed earlier.": "この時刻より前に観測されたものだけ。",
    "It cannot be noted whose data are taken out: {error}": (
        "誰のデータを書き出すかを記録できません: {error}"
    ),
    "Give the broker that runs on these data with --broker, or stop it.": (
        "このデータで動いているブローカーを --broker で示すか、止めてください。"
    ),
    "What was read before it is kept.": "それより前に読んだものは残っています。",
    "Read requests that name no @context by that of the data models.": (
        "@context のない要求を、データモデルの @context で読む。"
    ),
    "Queue notifications and send none, as on a copy of a town that is only looked at.": (
        "通知をためるだけで送らない。見るだけの写しの町などに。"
    ),
    "Write no history of what changes.": "変化の履歴を書かない。",
    "JSON file that says what history is kept of which types, and for how long.": (
        "どの型の履歴をどれだけの期間残すかを書いた JSON ファイル。"
    ),
    "MongoDB database (mongodb://host/name, a replica set) instead of a file in the data "
    "folder. Give a URL with a password as MACHI_STORE, so that no list of processes shows it.": (
        "データフォルダーのファイルの代わりに使う MongoDB のデータベース"
        "(mongodb://ホスト/名前、レプリカセット)。パスワードを含む URL は MACHI_STORE で渡す"
        "(プロセスの一覧に出ないように)。"
    ),
    "Address at which clients reach the broker, where a proxy stands before it.": (
        "プロキシの背後にあるとき、利用者から見たブローカーのアドレス。"
    ),
    "now": "現在",
    "nobody listens there": "待ち受けがありません",
    "Say why a subscription was notified of a change or not, condition by condition.": (
        """変化が通知された・されなかった理由を、条件ごとに示す。

        --entity も --change も付けなければ、配信の様子と、直近の失敗の理由を示す。
        変化の番号は machi tail --json の seq。
"""
    ),
    "Of the newest change of this entity.": "この実体の最も新しい変化について。",
    "Of the change of this number.": "この番号の変化について。",
    "Name an entity or a change, not both.": "実体か変化のどちらか一方を指定してください。",
    "It was notified.": "通知されました。",
    "A notification was due, and is not delivered.": "通知すべき変化で、まだ届いていません。",
    "Whether it was notified is not for you to know.": (
        "通知されたかどうかを知る権限がありません。"
    ),
    "Whether it was notified can no longer be said.": "通知されたかどうかは、もう分かりません。",
    "It was not to be notified.": "通知の対象ではありません。",
    "Change {seq} at {at}, {kind} of {entity}:": "変化 {seq}（{at}、{entity} の {kind}）:",
    "It is {status}.": "状態: {status}",
    "Of {queued} notifications {delivered} are delivered, {waiting} wait, {dead} are dead "
    "letters, {expired} expired, {cancelled} were cancelled, {withheld} withheld, {superseded} "
    "overtaken by a newer period.": (
        "通知 {queued} 件のうち、届いた {delivered}、待ち {waiting}、不達 {dead}、"
        "期限切れ {expired}、取消 {cancelled}、差し止め {withheld}、"
        "新しい定期通知で置換 {superseded}。"
    ),
    "The newest failure, at {at}: {why}": "直近の失敗（{at}）: {why}",
    "Nothing was due to it yet. Ask why of an entity: --entity ID": (
        "まだ通知すべき変化がありません。実体について調べるには: --entity ID"
    ),
    "the consent centre": "同意センター",
    "the simulated cloud of a vendor of locks": "錠ベンダーのクラウド（模擬）",
    "Look after the log of who was shown which person's data.": (
        """開示の記録を調べる（だれのデータを、だれが見たか）。

        データのフォルダーに対して働く。ブローカーが動いていてもよい。
        """
    ),
    "Check that nothing in the disclosure log was changed since it was written.": (
        """開示の記録が書かれた後に変えられていないかを調べる。

        最初に変えられた行と、末尾の封のない件数を示す。
        示された head を控えておき、後で --head に渡すと、
        末尾が切り取られていないかも分かる。
        """
    ),
    "Head that an earlier check printed: the log must still have it.": (
        "前に調べたときの先頭値。記録に残っていなければならない。"
    ),
    "There is no disclosure log in {data}.": "{data} に開示の記録がありません。",
    "Check --data; a broker with --auth embedded writes one.": (
        "--data を確かめてください。記録は --auth embedded のブローカーが書きます。"
    ),
    "{path} was changed.": "{path} は変えられています。",
    "Keep the file as evidence, and compare it with a backup.": (
        "証拠としてファイルを残し、バックアップと比べてください。"
    ),
    "{path} has no line with the digest {head}.": (
        "{path} にダイジェスト {head} の行がありません。"
    ),
    "Its end was cut off: keep the file, and compare it with a backup.": (
        "末尾が切り取られています。ファイルを残し、バックアップと比べてください。"
    ),
    "{entries} entries are as they were written": "{entries} 件は書かれたままです",
    "{number} of them at the end have no seal": "末尾の {number} 件に封がありません",
    "head {head}": "head {head}",
    "line {line}, from byte {offset}: {reason}": "{line} 行目（{offset} バイト目から）: {reason}",
    "its postings do not sum to zero, or it is no transfer": (
        "仕訳の合計が 0 でないか、取引ではありません"
    ),
    "its balance is not the sum of its postings": "残高が仕訳の合計と違います",
    "its lots are not what its balance and postings say": (
        "有効期限ごとの内訳が残高や仕訳と違います"
    ),
    "its balance is below zero": "残高が 0 を下回っています",
    "it is gone": "なくなっています",
    "it was changed after it was written": "書かれた後に変えられています",
    "it is in the chain twice": "連鎖に二度現れます",
    "a link of the chain is missing": "連鎖の環が欠けています",
    "it does not name the link before it": "前の環を指していません",
    "the link was changed after it was written": "環が書かれた後に変えられています",
    "Look after the books of the local currency.": "地域通貨の帳簿を調べる。",
    "Check that the books balance and that nothing in them was changed.": (
        """帳簿が一致し、書かれた後に変えられていないかを調べる。

        動いているブローカーの取引、口座、連鎖の環をすべて読む。最初に変えられた取引、
        仕訳や内訳と合わない口座、末尾のまだ封のない取引の数を示す。
        示された head を控えておき、後で --head に渡すと、連鎖にその環が残っているかが分かる。
        """
    ),
    "Id of the currency.": "通貨の ID。",
    "Head that an earlier check printed: the chain must still have it.": (
        "前に調べたときの head。連鎖に残っていなければならない。"
    ),
    "The books do not balance, or were changed.": "帳簿が一致しないか、変えられています。",
    "Stop payments, keep a backup as evidence, and compare it with earlier ones.": (
        "支払いを止め、証拠としてバックアップを取り、以前のものと比べてください。"
    ),
    "The chain has no link with the digest {head}.": (
        "連鎖にダイジェスト {head} の環がありません。"
    ),
    "Its end was cut off, or it was written anew: compare it with a backup.": (
        "末尾が切り取られたか、書き直されています。バックアップと比べてください。"
    ),
    "{transfers} transfers, {wallets} wallets": "取引 {transfers} 件、口座 {wallets} 件",
    "{sealed} transfers are in the chain": "{sealed} 件の取引が連鎖にあります",
    "{number} wallets were too busy to compare": (
        "{number} 件の口座は動きが多く、比べられませんでした"
    ),
    "{expected} expected, {found} found": "あるべき額 {expected}、実際 {found}",
    "Write the key of a key box into a file, as whoever sets up the box needs it.": (
        """鍵ボックスの鍵をファイルに書く。ボックスを設定する人が使う。

        この鍵を持つ人は、このボックスの暗証番号をすべて計算できる。
        """
    ),
    "keyEpoch of the lock.": "錠の keyEpoch。",
    "There is no master key {path}.": "マスター鍵 {path} がありません。",
    "Start the town once, or name its folder with --data.": (
        "まちを一度起動するか、--data でフォルダーを指定してください。"
    ),
    "The key of the box is in {path}, for its owner only.": (
        "ボックスの鍵を {path} に書きました。読めるのは所有者だけです。"
    ),
    "Be a key box without network: take PINs and say whether it opens.": (
        """通信のない鍵ボックスになり、暗証番号を受けて、開くかどうかを答える。

        知っているのは KEYFILE の鍵と時計だけ。--pin がなければ、空行か Ctrl-D まで暗証番号を
        一つずつ尋ねる。`shut` で鍵を戻す。
        """
    ),
    "What the box's clock shows, with an offset.": "ボックスの時計の時刻（時差つき）。",
    "Take this one PIN; exit code 1 where the box stays shut.": (
        "この暗証番号だけを受ける。開かなければ終了コード 1。"
    ),
    "The box is shut. Type a PIN, or `shut` to put the key back.": (
        "ボックスは閉じています。暗証番号か、鍵を戻すなら `shut` を入力してください。"
    ),
    "Receipt: {receipt}": "返却番号: {receipt}",
    "{path} is no key of a box.": "{path} はボックスの鍵ではありません。",
    "not a time": "時刻ではありません",
    "a time without an offset": "時差のない時刻です",
    "It opens.": "開きます。",
    "It opens for an area leader.": "地区の責任者の番号で開きます。",
    "It stays shut: staff have blocked this PIN.": ("開きません。職員がこの番号を止めています。"),
    "It stays shut, and takes the blocked PIN no more.": (
        "開きません。止めた番号は、もう受け付けません。"
    ),
    "It takes no PIN for another {seconds} s.": "あと {seconds} 秒、暗証番号を受け付けません。",
    "Wrong. It takes no PIN for {seconds} s.": (
        "違います。これから {seconds} 秒、暗証番号を受け付けません。"
    ),
    "Wrong. It stays shut.": "違います。開きません。",
    "Give an area leader a PIN that opens a lock at any time, and show it once.": (
        """地区の責任者に、いつでも錠を開けられる暗証番号を渡す。表示は一度だけ。

        NAME は責任者の仮名（地区名など）。使うたびに扉の記録に残る。取り消しは鍵の画面で行う。
        """
    ),
    "letters, digits, - and _ only": "英数字と - と _ だけが使えます",
    "There is no lock {lock}.": "錠 {lock} はありません。",
    "The lock does not have it yet: {reason}.": "まだ錠に届いていません: {reason}。",
    "PIN of {name}: {pin}": "{name} の暗証番号: {pin}",
    "The lock has not confirmed it yet; the page of keys says when.": (
        "錠はまだ確認していません。鍵の画面でわかります。"
    ),
    "Copy all that the broker's store --from has to the store --to.": (
        """ブローカーの保存先 --from にあるすべてを、保存先 --to に写す。

        保存先は sqlite:フォルダー か mongodb://サーバー/データベース。すべてのテナントの、
        エンティティ（版と時刻も）、番号つきの変更の列、購読、その待ち行列、届かなかった通知、
        コンテキスト、登録、規則、履歴、覚えている応答を写す。鍵、アカウント、金庫は --data の
        フォルダーに残る。両方の保存先のブローカーをすべて止めておくこと。写す先は空であること。
        中断しても、もう一度実行すれば続きから始まる。写し終えるまで、ブローカーはそれを開かない。
        元の保存先は変わらない。

        --verify は写さない。両方を読んで、違いを示す。
        """
    ),
    "Store to read.": "読む保存先。",
    "Store to fill.": "写す先の保存先。",
    "Compare the two stores instead of copying.": "写さずに、二つの保存先を比べる。",
    "Items copied at a time.": "一度に写す件数。",
    "{count} items are copied. Compare: add --verify.": (
        "{count} 件を写しました。比べるには --verify を付けてください。"
    ),
    "The stores differ in {count} places.": "二つの保存先は {count} か所で違います。",
    "Empty the target and copy again, while no broker runs on either store.": (
        "写す先を空にし、どちらの保存先のブローカーも止めて、もう一度写してください。"
    ),
    "Both stores have the same.": "二つの保存先は同じです。",
    "{sort}: {done} of {of}; in all {all_done} of {in_all}, {rate} a second, {left} s left": (
        "{sort}: {of} 件中 {done} 件。全体 {in_all} 件中 {all_done} 件、毎秒 {rate} 件、"
        "残り {left} 秒"
    ),
    "{count} items read": "{count} 件を読みました",
    "tenant": "テナント",
    "what": "種類",
    "count": "件数",
    "digest": "ダイジェスト",
    "Tenant {tenant}, {sort}: {one} in the source, {other} in the target": (
        "テナント {tenant}、{sort}: 元は {one}、写した先は {other}"
    ),
}
