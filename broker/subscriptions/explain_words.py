"""The words of `explain`, in Japanese and English, by code."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from broker.subscriptions.reasons import reason

Language: TypeAlias = Literal["ja", "en"]

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # What is asked about
    "notYet": (
        "Change {seq} has not happened yet; the newest is {newest}.",
        "変更 {seq} はまだ起きていません。最新は {newest} です。",
    ),
    "forgotten": (
        "The feed no longer has change {seq}: it keeps changes from {oldest} on.",
        "変更 {seq} はもう履歴にありません。残っているのは {oldest} からです。",
    ),
    "elsewhere": (
        "In this tenant there is no change {seq}: a subscription is told of its own tenant only.",
        "このテナントに変更 {seq} はありません。サブスクリプションには自分のテナントの変更だけが"
        "通知されます。",
    ),
    "noEntity": (
        "In this tenant there is no entity {entity}, and no change of one.",
        "このテナントにエンティティ {entity} はなく、その変更もありません。",
    ),
    "quietEntity": (
        "The feed has no change of {entity}; it is judged as it is now.",
        "{entity} の変更は履歴にありません。今の状態で判定します。",
    ),
    "before": (
        "The change came before the subscription, which is told of changes after {since}.",
        "変更はサブスクリプションの作成より前です。通知されるのは変更 {since} より後だけです。",
    ),
    "after": (
        "The change came after the subscription was created.",
        "変更はサブスクリプションの作成より後です。",
    ),
    # The subscription
    "active": ("It is active.", "有効です。"),
    "activeThen": (
        "It was active then; it expired at {at}.",
        "その時は有効でした。{at} に期限が切れました。",
    ),
    "paused": (
        "It is paused (isActive is false).",
        "一時停止中です(isActive が false)。",
    ),
    "expired": ("It expired at {at}.", "{at} に期限が切れました。"),
    "periodic": (
        "It is told every {seconds:g} s (timeInterval), and not of changes.",
        "{seconds:g} 秒ごとの定期通知(timeInterval)で、変更では通知されません。",
    ),
    "superseded": (
        "Of its periods {count} were not told: the receiver took none, and a newer one was due.",
        "定期通知のうち {count} 件は、受信先が受け取らないうちに次の定期通知に置き換えられました。",
    ),
    # The entity
    "anyEntity": ("It asks for entities of any kind.", "エンティティを限定していません。"),
    "selected": ("{id} is among the entities asked for.", "{id} は対象のエンティティです。"),
    "otherId": (
        "The id {id} is none of those asked for: {wanted}.",
        "id {id} は対象の {wanted} に含まれません。",
    ),
    "patternFails": (
        "The id {id} has no match of idPattern {wanted}.",
        "id {id} は idPattern {wanted} に合いません。",
    ),
    "otherType": (
        "The type {types} is not the one asked for: {wanted}.",
        "型 {types} は対象の型ではありません: {wanted}",
    ),
    # What happened
    "triggered": ("{happened} is among its triggers.", "{happened} は通知のきっかけです。"),
    "notTriggered": (
        "What happened was {happened}; it is told of {wanted} only.",
        "起きたのは {happened} ですが、通知のきっかけは {wanted} だけです。",
    ),
    "watched": ("A watched attribute changed.", "監視している属性が変わりました。"),
    "notWatched": (
        "Changed was {changed}; watched is {watched}, and nothing it is told of happened to that.",
        "変わったのは {changed} です。監視しているのは {watched} で、"
        "それにはきっかけになることが起きていません。",
    ),
    # Queries
    "queryHolds": ("It holds: {query}.", "成り立ちます: {query}"),
    "queryFails": ("It does not hold: {query}.", "成り立ちません: {query}"),
    "linkedHolds": (
        "It holds: {query}. Linked entities that satisfy their part of it: {linked}.",
        "成り立ちます: {query}。リンク先で条件を満たすもの: {linked}",
    ),
    "linkedFails": (
        "It does not hold: {query}. Looked at were the linked entities {linked}.",
        "成り立ちません: {query}。調べたリンク先: {linked}",
    ),
    "linkedMissing": (
        "It does not hold: {query}. There is no entity {linked}, to which the relationship leads.",
        "成り立ちません: {query}。リンク先のエンティティ {linked} がありません。",
    ),
    "tooManyLinked": (
        "It does not hold: more than {most} linked entities would have to be looked at.",
        "成り立ちません: 調べるリンク先が {most} を超えます。",
    ),
    "attributeMissing": (
        "The entity has no {missing}, so that this does not hold: {query}.",
        "エンティティに {missing} がないため、成り立ちません: {query}",
    ),
    "noScope": (
        "The entity has no scope, so that this does not hold: {query}.",
        "エンティティに scope がないため、成り立ちません: {query}",
    ),
    # Throttling and what becomes of a notification
    "notThrottled": ("It was not throttled.", "間引かれていません。"),
    "throttled": (
        "It was throttled: less than {seconds:g} s had passed since the notification before.",
        "間引かれました: 前の通知から {seconds:g} 秒たっていませんでした(throttling)。",
    ),
    "deliveryOff": (
        "It waits: this broker runs without delivery (--no-delivery).",
        "待っています: このブローカーは通知を送らない設定です(--no-delivery)。",
    ),
    "unready": (
        "It waits: the subscription cannot be delivered to at present. {why}",
        "待っています: 今はこのサブスクリプションに送れません。{why}",
    ),
    "behind": (
        "It waits behind {count} earlier ones, so that order holds. {why}",
        "順序を守るため、先の {count} 件の後で待っています。{why}",
    ),
    "breaker": (
        "It waits: the receiver at {server} does not answer, and is probed now and then. {why}",
        "待っています: {server} の受信先が応答しないため、時々試すだけにしています。{why}",
    ),
    "cooldown": (
        "It waits until {until}: after a failure the endpoint wants a pause (cooldown). {why}",
        "{until} まで待っています: 失敗の後は間を置く指定です(cooldown)。{why}",
    ),
    "retry": (
        "It waits until {until} for the next try; {attempts} failed. {why}",
        "次の試行を {until} まで待っています。これまでに {attempts} 回失敗しました。{why}",
    ),
    "underWay": ("It is about to be sent.", "送るところです。"),
    "loop": ("It is a dead letter. {why}", "配達不能になりました(ループを止めました)。{why}"),
    "egressRefused": (
        "It is a dead letter: the receiver's address is not allowed. {why}",
        "配達不能になりました: 宛先のアドレスが許可されていません。{why}",
    ),
    "dead": (
        "It is a dead letter after {attempts} tries. {why}",
        "{attempts} 回試した後、配達不能になりました。{why}",
    ),
    "withheld": (
        "It is withheld: the subscription's owner may not see this.",
        "止められます: サブスクリプションの所有者はこれを見ることができません。",
    ),
    "unseen": (
        "The subscription sees more of this than you may; what follows from it is not told.",
        "サブスクリプションは、あなたが見ることのできない部分も見ています。その判定はお伝えできません。",
    ),
    "delivered": (
        "It was delivered; the newest success was at {at}.",
        "届けられました。最新の成功は {at} です。",
    ),
    "cancelled": (
        "It left the queue undelivered: the subscription was changed at {at}, and what waited was "
        "cancelled.",
        "届けられずに列から外れました: サブスクリプションが {at} に変更され、待っていた通知は"
        "取り消されました。",
    ),
    "changedSince": (
        "The subscription was changed at {at}, after this; whether it asked for this before, and "
        "was told, can no longer be said.",
        "この後、{at} にサブスクリプションが変更されました。それ以前に通知の対象だったか、"
        "届けられたかは、もう分かりません。",
    ),
    "settled": (
        "It was due and has left the queue; the books tell how many were delivered.",
        "通知の対象となり、すでに列を離れました。件数は帳簿で確認できます。",
    ),
    "due": (
        "All conditions hold: it would be told of this.",
        "すべての条件が成り立ちます。通知されます。",
    ),
}

CODES: Final = frozenset(_TEXTS)


def in_words(code: str, values: dict[str, Any], language: Language) -> str:
    """Return the sentence of a code, with its values."""
    joint = "、" if language == "ja" else ", "
    if "why" in values:
        values = {**values, "why": reason(values["why"], language)}
    shown = {
        name: joint.join(map(str, value)) if isinstance(value, list) else value
        for name, value in values.items()
    }
    text = _TEXTS[code][language == "ja"].format(**shown)
    return text.rstrip()
