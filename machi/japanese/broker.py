"""What `machi.commands.broker` says, in Japanese."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
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
    "JSON file with the policies of --auth embedded, instead of those that come along.": (
        "--auth embedded のポリシーの JSON ファイル（付属のものの代わり）。"
    ),
    "--policies goes with --auth embedded.": "--policies は --auth embedded と使います。",
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
    "What happens to entities that do not fit the data model of their type.": (
        "型のデータモデルに合わないエンティティをどうするか。"
    ),
    "The same for one type, such as RiverLevelStation=reject; repeatable.": (
        "一つの型について同じ指定。例 RiverLevelStation=reject。繰り返し指定できる。"
    ),
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
}
