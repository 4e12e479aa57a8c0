-- SPDX-License-Identifier: Apache-2.0
-- Copyright The complyd authors
--
-- The store, version 1. docs/store.md describes every table; the MDM writes the first four, complyd owns the rest.
-- Needs SQLite 3.24 (UPSERT) in every program that writes, and nothing newer.

PRAGMA application_id = 1668115577; -- "cmpy"

------------------------------------------------------------------------------------------------ the MDM's tables

-- SQLite compares with one or two values directly; for a longer IN it fills a table at each check. Hence the split lists.
CREATE TABLE device (
    device_id           TEXT    NOT NULL PRIMARY KEY CHECK (device_id <> '' AND typeof(device_id) = 'text'),
    connection          TEXT    NOT NULL DEFAULT 'default' CHECK (connection <> ''),
    platform            TEXT    NOT NULL CHECK (platform IN ('ios', 'android') OR platform IN ('macos', 'windows')),
    name                TEXT    DEFAULT '',
    manufacturer        TEXT    DEFAULT '',
    model               TEXT    DEFAULT '',
    serial_number       TEXT    DEFAULT '',
    os_version          TEXT    DEFAULT '',
    user_principal_name TEXT    DEFAULT '',
    managed             INTEGER NOT NULL DEFAULT 1 CHECK (managed IN (0, 1)),
    azure_device_id     TEXT    DEFAULT '', -- empty until the device has registered
    azure_client_status TEXT    DEFAULT '' CHECK (azure_client_status IN ('', 'Success')
                                OR azure_client_status IN ('Internal_Error', 'Workplace_Join_Required',
                                'Interaction_Required', 'Server_Declined_Scopes',
                                'Server_Protection_Policies_Required', 'User_Canceled', 'Account_logged_out')),
    -- Unix seconds, NULL = never; a text, '' above all, would pass for a time
    last_check_in       INTEGER CHECK (typeof(last_check_in) NOT IN ('text', 'blob')),
    evaluated_at        INTEGER CHECK (typeof(evaluated_at) NOT IN ('text', 'blob')) -- never: no verdict about this device yet
) WITHOUT ROWID;

CREATE INDEX device_connection ON device (connection);
CREATE INDEX device_azure ON device (azure_device_id COLLATE NOCASE) WHERE azure_device_id <> '';

CREATE TABLE policy (
    policy_id TEXT    NOT NULL PRIMARY KEY CHECK (policy_id <> ''),
    name      TEXT    DEFAULT '',
    enabled   INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
) WITHOUT ROWID;

CREATE TABLE policy_action (
    policy_id TEXT NOT NULL,
    action    TEXT NOT NULL CHECK (action IN ('monitor', 'send_alert', 'block_email', 'block_appconnect', 'quarantine',
                                              'retire')),
    PRIMARY KEY (policy_id, action)
) WITHOUT ROWID;

CREATE TABLE violation (
    device_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    since     INTEGER, -- Unix seconds
    PRIMARY KEY (device_id, policy_id)
) WITHOUT ROWID;

CREATE INDEX violation_policy ON violation (policy_id);

------------------------------------------------------------------------------------------------- complyd's tables

-- The devices that have something to tell. A change while a report is in flight raises seq, so that the row outlives the report.
CREATE TABLE outbox (
    device_id      TEXT    NOT NULL PRIMARY KEY,
    seq            INTEGER NOT NULL, -- time of the newest change, rising whatever the clock does
    connection     TEXT    NOT NULL, -- where the next report about the device goes
    channel        INTEGER NOT NULL, -- 0 partner, 1 Graph
    priority       INTEGER NOT NULL, -- 0 worsening, 1 change, 2 operator, 3 weekly
    due_at         INTEGER NOT NULL DEFAULT 0, -- ms; 0 = now; 9223372036854775807 = held by the breaker, ...806 = until its user is asked for
    queued_at      INTEGER NOT NULL, -- ms; of the oldest change not yet told
    minute         INTEGER NOT NULL, -- the same in minutes
    forced         INTEGER NOT NULL DEFAULT 0, -- told even if nothing changed: 1 by a walk over all, 2 because an operator asked
    attempts       INTEGER NOT NULL DEFAULT 0,
    claim          INTEGER, -- session that has the row in flight
    sent           INTEGER NOT NULL DEFAULT 0, -- 1: by the flight of `claim`; 2: an earlier message may have arrived too
    message_id     BLOB,
    last_update_ms INTEGER NOT NULL DEFAULT 0,
    content_hash   INTEGER NOT NULL DEFAULT 0,
    -- what a message in doubt was about, when the report table does not say it yet
    sent_state     INTEGER NOT NULL DEFAULT 0,
    sent_connection TEXT,
    sent_platform  TEXT,
    sent_azure_device_id TEXT,
    sent_user_id   TEXT
) WITHOUT ROWID;

-- First come, first served by the minute; within one the order of all other tables, so that a bulk of changes walks through
-- them page by page instead of jumping about.
CREATE INDEX outbox_free ON outbox (connection, channel, priority, due_at, minute, device_id) WHERE claim IS NULL;
CREATE INDEX outbox_claimed ON outbox (claim) WHERE claim IS NOT NULL;

-- Devices that an operator retired, each with the Azure id that it had then: with another one it has come back.
CREATE TABLE retired (
    device_id       TEXT    NOT NULL PRIMARY KEY,
    azure_device_id TEXT    NOT NULL, -- lower case
    retired_at_ms   INTEGER NOT NULL,
    actor           TEXT    NOT NULL
) WITHOUT ROWID;

-- Devices, or those that violate a policy, that stay at what Microsoft was told. One with a cursor is over: its devices are being queued.
CREATE TABLE hold (
    scope    INTEGER NOT NULL, -- 0 device, 1 policy
    id       TEXT    NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    cursor   TEXT,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;

-- The circuit breaker of each connection, as it was when it last opened or closed.
CREATE TABLE breaker (
    connection    TEXT    NOT NULL PRIMARY KEY,
    open          INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    devices       INTEGER NOT NULL, -- that would have turned worse
    most          INTEGER NOT NULL  -- that were allowed to
) WITHOUT ROWID;

-- The devices that were told worse lately, each with the last time.
CREATE TABLE worsened (
    connection TEXT    NOT NULL,
    device_id  TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (connection, device_id)
) WITHOUT ROWID;

CREATE INDEX worsened_at ON worsened (connection, at_ms);

-- What Microsoft was told of each device.
CREATE TABLE report (
    device_id        TEXT    NOT NULL PRIMARY KEY,
    -- the last report that was accepted
    state            INTEGER NOT NULL DEFAULT 0, -- 0 none, 1 compliant, 2 non_compliant, 3 removed
    connection       TEXT    NOT NULL DEFAULT '',
    platform         TEXT    NOT NULL DEFAULT '',
    azure_device_id  TEXT    NOT NULL DEFAULT '', -- lower case
    stray            INTEGER NOT NULL DEFAULT 0,  -- 1: not the id that the device goes by now, or there is no device
    user_id          TEXT    NOT NULL DEFAULT '',
    inventory_digest INTEGER NOT NULL DEFAULT 0, -- 0 = suppress nothing
    accepted_at_ms   INTEGER,
    last_update_ms   INTEGER NOT NULL DEFAULT 0, -- highest stamp used, accepted or not
    message_id       BLOB,
    removed_at_ms    INTEGER, -- Microsoft drops the entry 90 days later
    -- the last outcome
    status           INTEGER NOT NULL DEFAULT 0, -- 0 none, 1 in_progress, 2 success, 3 error
    reason           TEXT    NOT NULL DEFAULT '',
    error            TEXT    NOT NULL DEFAULT '',
    request_id       TEXT    NOT NULL DEFAULT '',
    attempted_at_ms  INTEGER,
    expiries         INTEGER NOT NULL DEFAULT 0 -- verdicts that never came, in a row
) WITHOUT ROWID;

-- Reports about an id are found through device_azure, and here when its device goes by another one now: Azure's ids are random, so
-- that an index of all of them would cost a page of its own for each report.
CREATE INDEX report_stray ON report (azure_device_id) WHERE stray = 1;
CREATE INDEX report_error ON report (device_id) WHERE status = 3;
CREATE INDEX report_removed ON report (removed_at_ms) WHERE removed_at_ms IS NOT NULL;

-- Deleted devices, kept until Microsoft has forgotten them too.
CREATE TABLE tombstone (
    device_id           TEXT NOT NULL PRIMARY KEY,
    connection          TEXT,
    platform            TEXT,
    name                TEXT,
    os_version          TEXT,
    user_principal_name TEXT,
    azure_device_id     TEXT,
    last_check_in       INTEGER,
    deleted_at_ms       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX tombstone_connection ON tombstone (connection);
CREATE INDEX tombstone_deleted ON tombstone (deleted_at_ms);

-- Accepted partner messages without a verdict, the newest of each device. By device and not by GUID: a bulk of reports walks
-- through all tables in the same order.
CREATE TABLE message (
    device_id      TEXT    NOT NULL PRIMARY KEY,
    message_id     BLOB    NOT NULL,
    sent_as        BLOB    NOT NULL, -- GUID on the wire: another one when a message carries several devices
    connection     TEXT    NOT NULL,
    queued_at_ms   INTEGER NOT NULL DEFAULT 0, -- when the change that it tells was committed, and how urgent it was
    priority       INTEGER NOT NULL DEFAULT 0,
    accepted_at_ms INTEGER NOT NULL,
    poll_at_ms     INTEGER NOT NULL,
    deadline_ms    INTEGER NOT NULL,
    polls          INTEGER NOT NULL DEFAULT 0,
    expiries       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX message_due ON message (connection, poll_at_ms);

-- Entra object ids of users; an empty user_id: Microsoft did not know the user at that time.
CREATE TABLE user (
    connection          TEXT    NOT NULL,
    user_principal_name TEXT    NOT NULL,
    user_id             TEXT    NOT NULL,
    resolved_at_ms      INTEGER NOT NULL,
    PRIMARY KEY (connection, user_principal_name)
) WITHOUT ROWID;

CREATE TABLE endpoint (
    connection    TEXT    NOT NULL PRIMARY KEY,
    device_url    TEXT    NOT NULL,
    tenant_url    TEXT    NOT NULL,
    fetched_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Whether a connection is connected, and how far connecting or disconnecting has come. No row: never started.
CREATE TABLE account (
    connection      TEXT    NOT NULL PRIMARY KEY,
    state           TEXT    NOT NULL, -- word of include/model/account.h
    tenant_id       TEXT    NOT NULL, -- which the state is about
    since_ms        INTEGER NOT NULL,
    connected_at_ms INTEGER,          -- NULL = never, or disconnected since
    force           INTEGER NOT NULL DEFAULT 0, -- disconnect although Microsoft refuses some devices
    total           INTEGER NOT NULL DEFAULT 0, -- devices that Microsoft held when disconnecting began
    cursor          TEXT              -- of the walk that queues every device: the last one; NULL = no walk
) WITHOUT ROWID;

CREATE TABLE account_step (
    connection TEXT    NOT NULL,
    step       TEXT    NOT NULL,
    state      TEXT    NOT NULL, -- running, done, failed, skipped; no row: waiting
    problem    TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    value      TEXT    NOT NULL, -- id of the group or policy at Microsoft
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (connection, step)
) WITHOUT ROWID;

-- The walks over all devices of a connection.
CREATE TABLE full_report (
    connection     TEXT    NOT NULL,
    kind           INTEGER NOT NULL, -- 0 weekly, 1 resync
    due_at_ms      INTEGER NOT NULL DEFAULT 0,
    started_at_ms  INTEGER NOT NULL DEFAULT -1,
    finished_at_ms INTEGER NOT NULL DEFAULT -1,
    total          INTEGER NOT NULL DEFAULT 0,
    fed            INTEGER NOT NULL DEFAULT 0,
    phase          INTEGER NOT NULL DEFAULT 0, -- 0 devices, 1 deleted devices that Microsoft still holds, 2 all fed
    cursor         TEXT    NOT NULL DEFAULT '', -- device_id of the last one fed
    PRIMARY KEY (connection, kind)
) WITHOUT ROWID;

-- What Microsoft's directory says of the tenant's devices, kept up to date by its list of changes.
CREATE TABLE directory (
    connection      TEXT    NOT NULL,
    object_id       BLOB    NOT NULL, -- of the directory's entry
    azure_device_id BLOB    NOT NULL,
    managed         INTEGER NOT NULL,
    compliant       INTEGER NOT NULL,
    gone            INTEGER NOT NULL DEFAULT 0, -- 1: deleted there, while a device still goes by this id
    round           INTEGER NOT NULL,           -- check that heard of it last
    right_at_ms     INTEGER,                    -- accepted_at_ms of the report that it was seen to agree with
    PRIMARY KEY (connection, object_id)
) WITHOUT ROWID;

CREATE INDEX directory_device ON directory (connection, azure_device_id, gone);

-- The devices of which Microsoft believes something else than what it was told.
CREATE TABLE drift (
    connection      TEXT    NOT NULL,
    device_id       TEXT    NOT NULL,
    cause           TEXT    NOT NULL, -- word of include/model/drift.h
    azure_device_id TEXT    NOT NULL,
    state           INTEGER NOT NULL, -- what was told, as in report
    told_at_ms      INTEGER,
    managed         INTEGER,          -- what Microsoft says; NULL = it has no such device
    compliant       INTEGER,
    since_ms        INTEGER NOT NULL, -- seen first
    round           INTEGER NOT NULL, -- seen last
    PRIMARY KEY (connection, device_id)
) WITHOUT ROWID;

-- How far the comparison with Microsoft is.
CREATE TABLE drift_check (
    connection     TEXT    NOT NULL PRIMARY KEY,
    tenant_id      TEXT    NOT NULL, -- whose directory it is
    phase          TEXT    NOT NULL,
    round          INTEGER NOT NULL, -- number of the check begun last
    whole          INTEGER NOT NULL, -- 1: it reads everything, not only what changed
    link           TEXT    NOT NULL, -- where reading goes on; '' = from the start
    cursor         TEXT    NOT NULL, -- where the walk of the phase goes on
    due_at_ms      INTEGER NOT NULL, -- of the next one; 0 = no date yet
    started_at_ms  INTEGER NOT NULL, -- -1 = never
    finished_at_ms INTEGER NOT NULL,
    read           INTEGER NOT NULL, -- entries of the directory that it read
    compared       INTEGER NOT NULL,
    repaired       INTEGER NOT NULL,
    unknown        INTEGER NOT NULL, -- rows of drift by cause
    value          INTEGER NOT NULL,
    writer         INTEGER NOT NULL,
    stale          INTEGER NOT NULL,
    problem        TEXT    NOT NULL,
    detail         TEXT    NOT NULL
) WITHOUT ROWID;

------------------------------------------------------------------------------------------------ the activity log

-- What concerns the account, oldest first. Each entry's hash covers the entry and the hash before it, so that an edit, a deletion, a
-- reordering and, with an anchor from the log, a truncation are found: docs/store.md. Texts are '' when blank.
CREATE TABLE activity (
    id              INTEGER PRIMARY KEY, -- rises by one
    at_ms           INTEGER NOT NULL,
    kind            TEXT    NOT NULL, -- report, verdict, operator, token ...
    result          TEXT    NOT NULL, -- accepted, refused, obtained ...
    connection      TEXT    NOT NULL,
    device_id       TEXT    NOT NULL,
    priority        TEXT    NOT NULL, -- of a report: worsening, change, operator, weekly
    cause           TEXT    NOT NULL, -- what decided its state: an action, unmanaged, deleted ...
    reason          TEXT    NOT NULL, -- why it was refused or parked
    azure_state     TEXT    NOT NULL, -- what was told
    azure_device_id TEXT    NOT NULL, -- about which id
    message_id      BLOB,             -- GUID of the report
    request_id      TEXT    NOT NULL, -- Microsoft's
    actor           TEXT    NOT NULL, -- the operator; '' = complyd itself
    detail          TEXT    NOT NULL,
    hash            BLOB    NOT NULL  -- SHA-256
);

CREATE INDEX activity_device ON activity (device_id) WHERE device_id <> '';
-- Reports and their verdicts are nearly all of it and pass by this index.
CREATE INDEX activity_kind ON activity (kind)
    WHERE kind <> 'report' AND kind <> 'verdict' AND kind <> 'retire' AND kind <> 'parked';

-- The last entry that was purged for its age; the first one left is chained to it.
CREATE TABLE activity_base (
    place INTEGER PRIMARY KEY CHECK (place = 1), -- there is but one
    id    INTEGER NOT NULL,
    hash  BLOB    NOT NULL
);

INSERT INTO activity_base VALUES (1, 0, randomblob(32));

-- Against accidents; who means it is found by "complyctl activity verify".
CREATE TRIGGER activity_update BEFORE UPDATE ON activity
BEGIN
    SELECT RAISE(ABORT, 'the activity log is never changed');
END;

CREATE TRIGGER activity_delete BEFORE DELETE ON activity
WHEN OLD.id > (SELECT id FROM activity_base WHERE place = 1)
BEGIN
    SELECT RAISE(ABORT, 'the activity log is never shortened but by activity_retention');
END;

------------------------------------------------------------------------------------------------------ the queue

-- Where a changed device goes and how urgent it is: 0 when what Microsoft should believe is worse than what it was told.
CREATE VIEW dirty (device_id, connection, channel, priority) AS
SELECT d.device_id, d.connection, d.platform = 'windows',
       CASE
           WHEN d.managed = 0 THEN 3
           WHEN EXISTS (SELECT 1 FROM retired AS x WHERE x.device_id = d.device_id
                        AND x.azure_device_id = lower(d.azure_device_id)) THEN 3
           WHEN r.state IN (1, 2)
                AND (r.azure_device_id <> lower(ifnull(d.azure_device_id, '')) OR r.connection <> d.connection) THEN 3
           ELSE ifnull((SELECT max(CASE a.action
                                       WHEN 'retire' THEN 3
                                       WHEN 'monitor' THEN 1
                                       WHEN 'send_alert' THEN 1
                                       ELSE 2
                                   END)
                        FROM violation AS v
                        CROSS JOIN policy AS p ON p.policy_id = v.policy_id AND p.enabled = 1
                        CROSS JOIN policy_action AS a ON a.policy_id = p.policy_id
                        WHERE v.device_id = d.device_id), 1)
       END <= max(1, ifnull(r.state, 0))
FROM device AS d
LEFT JOIN report AS r ON r.device_id = d.device_id;

-- INSERT INTO dirty (device_id) queues a device that exists; NULL is none, and VALUES spares the table that SELECT would fill first. Columns that are not named here (claim, sent, message_id,
-- forced...) belong to the flight and survive. UPSERT does not heed the OR clause of the statement that fired us.
CREATE TRIGGER dirty_queue INSTEAD OF INSERT ON dirty
BEGIN
    INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, minute)
    SELECT device_id, CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER), connection, channel, priority,
           CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER),
           CAST((julianday('now') - 2440587.5) * 1440.0 AS INTEGER)
    FROM dirty WHERE device_id = NEW.device_id
    ON CONFLICT (device_id) DO UPDATE SET
        seq = max(seq + 1, excluded.seq),
        connection = excluded.connection,
        channel = excluded.channel,
        priority = min(priority, excluded.priority),
        due_at = 0,
        attempts = 0,
        queued_at = CASE WHEN claim IS NULL THEN queued_at ELSE excluded.queued_at END,
        minute = CASE WHEN claim IS NULL THEN minute ELSE excluded.minute END;
END;

-- INSERT INTO gone queues a device that is no more, and keeps what its removal has to say.
CREATE VIEW gone (device_id, connection, platform, name, os_version, user_principal_name, azure_device_id,
                  last_check_in) AS
SELECT device_id, connection, platform, name, os_version, user_principal_name, azure_device_id, last_check_in
FROM tombstone;

CREATE TRIGGER gone_queue INSTEAD OF INSERT ON gone
BEGIN
    INSERT INTO tombstone (device_id, connection, platform, name, os_version, user_principal_name, azure_device_id,
                           last_check_in, deleted_at_ms)
    VALUES (NEW.device_id, NEW.connection, NEW.platform, NEW.name, NEW.os_version, NEW.user_principal_name,
            NEW.azure_device_id, NEW.last_check_in, CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER))
    ON CONFLICT (device_id) DO UPDATE SET
        connection = excluded.connection, platform = excluded.platform, name = excluded.name,
        os_version = excluded.os_version, user_principal_name = excluded.user_principal_name,
        azure_device_id = excluded.azure_device_id, last_check_in = excluded.last_check_in,
        deleted_at_ms = excluded.deleted_at_ms;

    INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, minute)
    SELECT t.device_id, t.deleted_at_ms * 1000,
           CASE WHEN r.state > 0 THEN r.connection ELSE t.connection END,
           CASE WHEN r.state > 0 THEN r.platform ELSE t.platform END = 'windows',
           ifnull(r.state, 0) NOT IN (1, 2),
           t.deleted_at_ms, t.deleted_at_ms / 60000
    FROM tombstone AS t LEFT JOIN report AS r ON r.device_id = t.device_id
    WHERE t.device_id = NEW.device_id
    ON CONFLICT (device_id) DO UPDATE SET
        seq = max(seq + 1, excluded.seq),
        connection = excluded.connection,
        channel = excluded.channel,
        priority = min(priority, excluded.priority),
        due_at = 0,
        attempts = 0,
        queued_at = CASE WHEN claim IS NULL THEN queued_at ELSE excluded.queued_at END,
        minute = CASE WHEN claim IS NULL THEN minute ELSE excluded.minute END;
END;

-- INSERT INTO renamed: the device may go by another Azure id now than the one that was told of it, or exist no more.
CREATE VIEW renamed (device_id, stray) AS
SELECT r.device_id, r.azure_device_id <> '' AND r.azure_device_id <> lower(ifnull(d.azure_device_id, ''))
FROM report AS r LEFT JOIN device AS d ON d.device_id = r.device_id;

CREATE TRIGGER renamed_mark INSTEAD OF INSERT ON renamed
BEGIN
    UPDATE report SET stray = (SELECT stray FROM renamed WHERE device_id = NEW.device_id)
    WHERE device_id = NEW.device_id AND stray <> (SELECT stray FROM renamed WHERE device_id = NEW.device_id);
END;

-- REPLACE deletes the old row without a word, unless recursive_triggers is on. So each BEFORE INSERT notes here that the row it
-- is about to write says the same as the one it may replace (of a device also that there is one: 'replaced'); it holds for that
-- row's AFTER INSERT only, and every BEFORE INSERT of any table starts it anew (OR IGNORE and DO NOTHING leave it behind).
CREATE TABLE rewritten (entity TEXT, key1 TEXT, key2 TEXT);

-- With recursive_triggers on, REPLACE fires the DELETE triggers first: devices they queued for a row that only was rewritten.
CREATE TABLE requeued (device_id TEXT);

----------------------------------------------------------------------------------------------------- device

CREATE TRIGGER device_before_insert BEFORE INSERT ON device
WHEN EXISTS (SELECT 1 FROM rewritten) OR EXISTS (SELECT 1 FROM device WHERE device_id = NEW.device_id)
BEGIN
    DELETE FROM requeued WHERE 1;
    DELETE FROM rewritten WHERE 1;
    INSERT INTO rewritten
    SELECT 'device', device_id, '' FROM device
    WHERE device_id = NEW.device_id
      AND connection IS NEW.connection
      AND platform IS NEW.platform
      AND name IS NEW.name
      AND manufacturer IS NEW.manufacturer
      AND model IS NEW.model
      AND serial_number IS NEW.serial_number
      AND os_version IS NEW.os_version
      AND user_principal_name IS NEW.user_principal_name
      AND managed IS NEW.managed
      AND azure_device_id IS NEW.azure_device_id
      AND (evaluated_at IS NULL) = (NEW.evaluated_at IS NULL);
    INSERT INTO rewritten SELECT 'replaced', device_id, '' FROM device WHERE device_id = NEW.device_id;
    DELETE FROM retired WHERE device_id = NEW.device_id AND NEW.managed = 1
      AND EXISTS (SELECT 1 FROM device WHERE device_id = NEW.device_id AND managed = 0);
END;

CREATE TRIGGER device_insert AFTER INSERT ON device
BEGIN
    DELETE FROM tombstone WHERE device_id = NEW.device_id;
    INSERT INTO renamed (device_id) VALUES (NEW.device_id);
    INSERT INTO dirty (device_id)
    VALUES (CASE WHEN EXISTS (SELECT 1 FROM rewritten WHERE entity = 'device') THEN NULL ELSE NEW.device_id END);
    DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM requeued) AND device_id IN (SELECT device_id FROM requeued);
    DELETE FROM retired WHERE device_id = NEW.device_id
      AND NOT EXISTS (SELECT 1 FROM rewritten WHERE entity = 'replaced' AND key1 = NEW.device_id);
END;

CREATE TRIGGER device_update AFTER UPDATE OF device_id, connection, platform, name, manufacturer, model, serial_number,
    os_version, user_principal_name, managed, azure_device_id, evaluated_at ON device
WHEN OLD.device_id IS NOT NEW.device_id
  OR OLD.connection IS NOT NEW.connection
  OR OLD.platform IS NOT NEW.platform
  OR OLD.name IS NOT NEW.name
  OR OLD.manufacturer IS NOT NEW.manufacturer
  OR OLD.model IS NOT NEW.model
  OR OLD.serial_number IS NOT NEW.serial_number
  OR OLD.os_version IS NOT NEW.os_version
  OR OLD.user_principal_name IS NOT NEW.user_principal_name
  OR OLD.managed IS NOT NEW.managed
  OR OLD.azure_device_id IS NOT NEW.azure_device_id
  OR (OLD.evaluated_at IS NULL) <> (NEW.evaluated_at IS NULL)
BEGIN
    INSERT INTO dirty (device_id) VALUES (NEW.device_id);
END;

-- Taken out of management and in again, a device that an operator retired has come back.
CREATE TRIGGER device_return AFTER UPDATE OF managed ON device
WHEN OLD.managed = 0 AND NEW.managed = 1
BEGIN
    DELETE FROM retired WHERE device_id = NEW.device_id;
END;

CREATE TRIGGER device_rename AFTER UPDATE OF azure_device_id ON device
WHEN OLD.azure_device_id IS NOT NEW.azure_device_id
BEGIN
    INSERT INTO renamed (device_id) VALUES (NEW.device_id);
END;

-- A row that is moved to another key: what deleting the old one and inserting the new one would do.
CREATE TRIGGER device_move AFTER UPDATE OF device_id ON device
WHEN OLD.device_id IS NOT NEW.device_id
BEGIN
    DELETE FROM tombstone WHERE device_id = NEW.device_id;
    INSERT INTO renamed (device_id) VALUES (NEW.device_id);
    INSERT INTO gone
    VALUES (OLD.device_id, OLD.connection, OLD.platform, OLD.name, OLD.os_version, OLD.user_principal_name,
            OLD.azure_device_id, OLD.last_check_in);
    INSERT INTO renamed (device_id) VALUES (OLD.device_id);
END;

CREATE TRIGGER device_delete AFTER DELETE ON device
BEGIN
    INSERT INTO requeued
    SELECT OLD.device_id
    WHERE EXISTS (SELECT 1 FROM rewritten WHERE entity = 'device' AND key1 = OLD.device_id)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = OLD.device_id);
    INSERT INTO gone
    VALUES (OLD.device_id, OLD.connection, OLD.platform, OLD.name, OLD.os_version, OLD.user_principal_name,
            OLD.azure_device_id, OLD.last_check_in);
    DELETE FROM retired WHERE device_id = OLD.device_id
      AND NOT EXISTS (SELECT 1 FROM rewritten WHERE entity = 'replaced' AND key1 = OLD.device_id);
    INSERT INTO renamed (device_id) VALUES (OLD.device_id);
END;

--------------------------------------------------------------------------------------------------- violation

CREATE TRIGGER violation_before_insert BEFORE INSERT ON violation
WHEN EXISTS (SELECT 1 FROM rewritten)
  OR EXISTS (SELECT 1 FROM violation WHERE device_id = NEW.device_id AND policy_id = NEW.policy_id)
BEGIN
    DELETE FROM requeued WHERE 1;
    DELETE FROM rewritten WHERE 1;
    INSERT INTO rewritten
    SELECT 'violation', device_id, policy_id FROM violation
    WHERE device_id = NEW.device_id AND policy_id = NEW.policy_id;
END;

CREATE TRIGGER violation_insert AFTER INSERT ON violation
BEGIN
    INSERT INTO dirty (device_id) VALUES (CASE WHEN EXISTS (SELECT 1 FROM rewritten) THEN NULL ELSE NEW.device_id END);
    DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM requeued) AND device_id IN (SELECT device_id FROM requeued);
END;

CREATE TRIGGER violation_update AFTER UPDATE OF device_id, policy_id ON violation
WHEN OLD.device_id IS NOT NEW.device_id OR OLD.policy_id IS NOT NEW.policy_id
BEGIN
    INSERT INTO dirty (device_id) VALUES (OLD.device_id);
    INSERT INTO dirty (device_id) SELECT NEW.device_id WHERE NEW.device_id IS NOT OLD.device_id;
END;

CREATE TRIGGER violation_delete AFTER DELETE ON violation
BEGIN
    INSERT INTO requeued
    SELECT OLD.device_id
    WHERE EXISTS (SELECT 1 FROM rewritten
                  WHERE entity = 'violation' AND key1 = OLD.device_id AND key2 = OLD.policy_id)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = OLD.device_id);
    INSERT INTO dirty (device_id) VALUES (OLD.device_id);
END;

------------------------------------------------------------------------------------------------------ policy

CREATE TRIGGER policy_before_insert BEFORE INSERT ON policy
WHEN EXISTS (SELECT 1 FROM rewritten) OR EXISTS (SELECT 1 FROM policy WHERE policy_id = NEW.policy_id)
BEGIN
    DELETE FROM requeued WHERE 1;
    DELETE FROM rewritten WHERE 1;
    INSERT INTO rewritten
    SELECT 'policy', policy_id, '' FROM policy WHERE policy_id = NEW.policy_id AND enabled IS NEW.enabled;
END;

CREATE TRIGGER policy_insert AFTER INSERT ON policy
BEGIN
    INSERT INTO dirty (device_id)
    SELECT device_id FROM violation WHERE policy_id = NEW.policy_id AND NOT EXISTS (SELECT 1 FROM rewritten);
    DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM requeued) AND device_id IN (SELECT device_id FROM requeued);
END;

CREATE TRIGGER policy_update AFTER UPDATE OF policy_id, enabled ON policy
WHEN OLD.policy_id IS NOT NEW.policy_id OR OLD.enabled IS NOT NEW.enabled
BEGIN
    INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = NEW.policy_id;
    INSERT INTO dirty (device_id)
    SELECT device_id FROM violation WHERE policy_id = OLD.policy_id AND OLD.policy_id IS NOT NEW.policy_id;
END;

CREATE TRIGGER policy_delete AFTER DELETE ON policy
BEGIN
    INSERT INTO requeued
    SELECT v.device_id FROM violation AS v
    WHERE v.policy_id = OLD.policy_id
      AND EXISTS (SELECT 1 FROM rewritten WHERE entity = 'policy' AND key1 = OLD.policy_id)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = v.device_id);
    INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = OLD.policy_id;
END;

----------------------------------------------------------------------------------------------- policy_action

CREATE TRIGGER policy_action_before_insert BEFORE INSERT ON policy_action
WHEN EXISTS (SELECT 1 FROM rewritten)
  OR EXISTS (SELECT 1 FROM policy_action WHERE policy_id = NEW.policy_id AND action = NEW.action)
BEGIN
    DELETE FROM requeued WHERE 1;
    DELETE FROM rewritten WHERE 1;
    INSERT INTO rewritten
    SELECT 'policy_action', policy_id, action FROM policy_action
    WHERE policy_id = NEW.policy_id AND action = NEW.action;
END;

CREATE TRIGGER policy_action_insert AFTER INSERT ON policy_action
BEGIN
    INSERT INTO dirty (device_id)
    SELECT device_id FROM violation WHERE policy_id = NEW.policy_id AND NOT EXISTS (SELECT 1 FROM rewritten);
    DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM requeued) AND device_id IN (SELECT device_id FROM requeued);
END;

CREATE TRIGGER policy_action_update AFTER UPDATE OF policy_id, action ON policy_action
WHEN OLD.policy_id IS NOT NEW.policy_id OR OLD.action IS NOT NEW.action
BEGIN
    INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = NEW.policy_id;
    INSERT INTO dirty (device_id)
    SELECT device_id FROM violation WHERE policy_id = OLD.policy_id AND OLD.policy_id IS NOT NEW.policy_id;
END;

CREATE TRIGGER policy_action_delete AFTER DELETE ON policy_action
BEGIN
    INSERT INTO requeued
    SELECT v.device_id FROM violation AS v
    WHERE v.policy_id = OLD.policy_id
      AND EXISTS (SELECT 1 FROM rewritten
                  WHERE entity = 'policy_action' AND key1 = OLD.policy_id AND key2 = OLD.action)
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = v.device_id);
    INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = OLD.policy_id;
END;
