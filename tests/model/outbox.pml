/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * outbox - one device from committed change to Microsoft's belief: the protocol of include/store/outbox.h and message.h.
 *
 * An MDM commits changes whenever it likes. The daemon stages, sends, records and asks for verdicts; each store transaction is one
 * atomic step, and between any two steps it may be killed. Requests and answers get lost; a request that was given up may
 * still arrive at any later time (not on the Graph channel, whose PATCH has no stamp: there one that was given up is
 * taken to have arrived before the next is sent, or never).
 *
 * Checked in every reachable state, by assertion:
 *   - one flight at a time; no second message, with another GUID, tells the same version (unless no verdict ever came);
 *   - a message in flight is never behind one that Microsoft has taken;
 *   - what Microsoft believes never goes back to an older decision, and no message is applied twice.
 * Checked when everything has come to rest:
 *   - nothing is queued, and Microsoft believes the store's newest value, or the device waits, or it shows an error.
 *
 * check: -DPARTNER -DCRASHES=2 -DLOSSES=1
 * check: -DPARTNER -DCRASHES=1 -DLOSSES=2
 * check: -DGRAPH -DCRASHES=2 -DLOSSES=2
 *
 * Each of these breaks a rule of the protocol on purpose, and must be found out:
 *
 * mutant: -DPARTNER -DBUG_REMOVE_ANY_SEQ          record removes the row though it has changed meanwhile
 * mutant: -DPARTNER -DBUG_SUPPRESS_UNKNOWN        "already told" is believed while an outcome is unknown
 * mutant: -DPARTNER -DBUG_REFUSAL_SETTLES_ALL     a refusal also forgets that an earlier outcome is unknown
 * mutant: -DPARTNER -DBUG_WAIT_FORGETS_DOUBT     a device that waits forgets that an outcome is unknown
 * mutant: -DPARTNER -DBUG_FAILURE_COUNTS_AS_TOLD   a message that failed in the end counts as told
 * mutant: -DPARTNER -DBUG_STAMP_FROM_CLOCK        LastUpdateTime is just the clock
 * mutant: -DPARTNER -DBUG_NEW_CONTENT_OLD_GUID    a re-sent GUID carries the newest content
 * mutant: -DPARTNER -DBUG_GUID_NOT_STORED         GUID and stamp are not committed before sending
 * mutant: -DPARTNER -DBUG_STAGED_STAYS_STAGED     a restart does not take staged rows back
 * mutant: -DPARTNER -DBUG_EXPIRY_FORGETS          a message without verdict is not sent again
 * mutant: -DGRAPH -DBUG_SUPPRESS_UNKNOWN          as above
 * mutant: -DGRAPH -DBUG_REMOVE_ANY_SEQ            as above
 */

/* How often things may happen in one run. */
#ifndef CHANGES
#define CHANGES 3 /* commits by the MDM */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LOSSES
#define LOSSES 1 /* requests or answers lost, sends that were called off */
#endif
#ifndef REFUSALS
#define REFUSALS 1 /* "this device is wrong", at once or as a verdict; verdicts that never come */
#endif
#define MESSAGES 8 /* one more than the GUIDs that can come up: each needs a change, a crash, a loss or a refusal */
#define NONE     0
#define WAITS    3 /* the store's data is not complete: nothing can be told, what was told stays */

/* The store: survives a crash. */
byte value = NONE;          /* what the MDM says: 1, 2 or WAITS */
byte version = 0;           /* counts its commits: tells newer from older */
bool row = false;           /* the outbox row ... */
byte row_seq = 0;           /* ... rises with each change, never reused */
bool row_staged = false;
byte row_message = NONE;    /* GUID that may have been sent, outcome unknown */
byte reported = NONE;       /* last accepted value */
bool error_shown = false;
bool unknown = false;       /* Microsoft may believe something else than `reported` */
byte last_stamp = 0;
byte awaited = NONE;        /* accepted message whose verdict is owed */

/* Messages, by GUID. */
byte next_message = 1;
byte content[MESSAGES];
byte decided[MESSAGES];     /* `version` when it was decided */
byte stamp[MESSAGES];
byte stray[MESSAGES];       /* copies given up by us, still under way */
bool taken[MESSAGES];       /* accepted, not yet processed */
bool applied[MESSAGES];
bool failed[MESSAGES];

/* Microsoft's belief. */
byte belief = NONE;
byte belief_stamp = 0;
byte belief_version = 0;
byte newest_taken = 0;

byte told_version = 0;      /* version of the newest message, and whether there is cause to tell it once more */
bool again = false;
byte flights = 0;
byte crashes = 0, losses = 0, refusals = 0;

#define CRASH_HERE                                                                                                     \
    if                                                                                                                 \
    :: crashes < CRASHES -> crashes++; goto restart                                                                    \
    :: true                                                                                                            \
    fi

/* Microsoft takes a message: from the flight, or a stray copy. */
inline take(id)
{
    if
    :: !taken[id] && !applied[id] && !failed[id] -> taken[id] = true
    :: else /* the same GUID again: answered the same, done once */
    fi
    if
    :: stamp[id] > newest_taken -> newest_taken = stamp[id]
    :: else
    fi
#ifdef GRAPH
    apply(id)
#endif
}

inline apply(id)
{
    taken[id] = false;
#ifdef GRAPH
    applied[id] = true;
    assert(decided[id] >= belief_version);
    belief = content[id];
    belief_version = decided[id];
#else
    assert(!applied[id]);
    applied[id] = true;
    if
    :: stamp[id] > belief_stamp ->
        assert(decided[id] >= belief_version);
        belief = content[id];
        belief_stamp = stamp[id];
        belief_version = decided[id]
    :: else /* older than what it believes: ignored */
    fi
#endif
}

/* The daemon's memory of a flight; cleared so that states do not differ by what no longer matters. */
inline forget()
{
    id = 0;
    seq = 0;
    was_unknown = false;
    resent = false
}

/* The row of an accepted or refused message, in the transaction that records it. */
inline settle()
{
    row_staged = false;
    if
#ifdef BUG_REMOVE_ANY_SEQ
    :: true -> row = false
#else
    :: row_seq == seq -> row = false
    :: else /* changed meanwhile: stays */
#endif
    fi;
    forget()
}

active proctype mdm()
{
    do
    :: atomic {
        version < CHANGES ->
        if
        :: value != 1 -> value = 1
        :: value != 2 -> value = 2
        :: value != WAITS -> value = WAITS
        fi
        version++;
        row = true; /* by the trigger, in the same transaction */
        row_seq++
    }
    :: break
    od
}

#define PROCESS(id)                                                                                                    \
    :: atomic { taken[id] -> apply(id) }                                                                               \
    :: atomic { taken[id] && refusals < REFUSALS -> refusals++; taken[id] = false; failed[id] = true }

#define ARRIVE(id)                                                                                                     \
    :: atomic { stray[id] -> stray[id]--; take(id) }                                                                   \
    :: atomic { stray[id] -> stray[id]-- } /* lost for good */

/* What happens at Microsoft without us: processing, and copies that arrive late. */
active proctype microsoft()
{
end:
    do
    PROCESS(1) PROCESS(2) PROCESS(3) PROCESS(4) PROCESS(5) PROCESS(6) PROCESS(7)
    ARRIVE(1) ARRIVE(2) ARRIVE(3) ARRIVE(4) ARRIVE(5) ARRIVE(6) ARRIVE(7)
    od
}

active proctype daemon()
{
    byte id;            /* the message in hand */
    byte seq;           /* the row's seq when it was staged */
    bool was_unknown;   /* before this flight */
    bool resent;

restart:
    atomic { /* nothing of memory is left; a flight that was under way may still arrive */
        if
        :: flights > 0 ->
            flights = 0;
#ifndef GRAPH
            stray[id]++
#endif
        :: else
        fi
#ifndef BUG_STAGED_STAYS_STAGED
        row_staged = false;
#endif
#ifdef BUG_GUID_NOT_STORED
        row_message = NONE;
#endif
        forget()
    }

idle:
end:
    do
    :: row && !row_staged -> goto stage
    :: awaited != NONE && (applied[awaited] || failed[awaited]) -> goto verdict
    :: awaited != NONE && refusals < REFUSALS -> goto expire
    od;

stage:
    CRASH_HERE;
    atomic {
        if
        :: !row || row_staged -> goto idle
        :: else
        fi;
        seq = row_seq;
        if
        :: value == WAITS -> /* the row goes, the doubt stays */
            row = false;
            row_message = NONE;
#ifdef BUG_WAIT_FORGETS_DOUBT
            unknown = false;
#endif
            seq = 0;
            goto idle
#ifdef BUG_SUPPRESS_UNKNOWN
        :: reported == value -> row = false; row_message = NONE; unknown = false; error_shown = false; seq = 0; goto idle
#else
        :: reported == value && !unknown -> row = false; row_message = NONE; error_shown = false; seq = 0; goto idle
#endif
        :: else
        fi;
        was_unknown = unknown;
        if
#ifdef BUG_NEW_CONTENT_OLD_GUID
        :: row_message != NONE -> id = row_message; resent = true; content[id] = value; decided[id] = version
#else
        :: row_message != NONE && content[row_message] == value ->
            id = row_message; resent = true; decided[id] = version; told_version = version
#endif
        :: else ->
            assert(version != told_version || again); /* without new cause it is the same message again */
            told_version = version;
            again = false;
            resent = false;
            id = next_message;
            assert(next_message < MESSAGES);
            next_message++;
            content[id] = value;
            decided[id] = version;
            if /* max(now, last + 1), whatever the clock does */
#ifdef BUG_STAMP_FROM_CLOCK
            :: stamp[id] = last_stamp
#endif
            :: stamp[id] = last_stamp + 1
            fi;
            last_stamp = stamp[id];
            row_message = id
        fi;
        unknown = true; /* from this commit on the message may be on its way */
        row_staged = true
    }
    CRASH_HERE;
    if
    :: goto send
    :: losses < LOSSES -> losses++; goto release /* the way is closed: certainly not sent */
    fi;

send:
    atomic {
        assert(flights == 0);
        assert(stamp[id] >= newest_taken);
        flights++
    }
    CRASH_HERE;
    if
    :: atomic { take(id); flights--; } goto accepted
    :: atomic { losses < LOSSES -> losses++; take(id); flights--; } goto transient /* its answer is lost */
#ifdef GRAPH
    :: atomic { losses < LOSSES -> losses++; flights--; } goto transient
#else
    :: atomic { losses < LOSSES -> losses++; stray[id]++; flights--; } goto transient
#endif
    :: atomic { refusals < REFUSALS && !taken[id] && !applied[id] && !failed[id] -> refusals++; flights--; } goto refused
    fi;

accepted:
    CRASH_HERE;
    atomic {
        reported = content[id];
        error_shown = false;
        unknown = false;
#ifdef PARTNER
        awaited = id; /* supersedes an older one */
#endif
        row_message = NONE;
        settle();
        goto idle
    }

refused:
    CRASH_HERE;
    atomic {
        error_shown = true;
        row_message = NONE;
#ifdef BUG_REFUSAL_SETTLES_ALL
        unknown = false;
#else
        unknown = was_unknown || resent;
#endif
        settle();
        goto idle
    }

transient:
    CRASH_HERE;
    atomic { row_staged = false; forget(); goto idle }

release:
    atomic { row_staged = false; forget(); goto idle }

verdict:
    CRASH_HERE;
    atomic {
        if
        :: failed[awaited] ->
            error_shown = true;
#ifndef BUG_FAILURE_COUNTS_AS_TOLD
            unknown = true
#endif
        :: else
        fi;
        awaited = NONE;
        goto idle
    }

expire:
    CRASH_HERE;
    atomic { /* no verdict before the deadline: shown as error, and sent again as a new message */
        refusals++;
        error_shown = true;
        awaited = NONE;
#ifndef BUG_EXPIRY_FORGETS
        unknown = true;
        again = true;
        row = true;
        row_seq++;
#else
        error_shown = false;
#endif
        goto idle
    }
}

/* When nothing can move any more. */
active proctype rest()
{
    timeout ->
        assert(!row);
        assert(flights == 0);
        assert(error_shown || value == WAITS || belief == value)
}
