/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * phrase - the sentences that answers to operators are made of, beside reasons and cures: decisions, what comes next,
 * cures of the store; in English and Spanish. Pure.
 *
 * "%1" and "%2" stand for what phrase_add() is given.
 */
#ifndef COMPLYD_MODEL_PHRASE_H
#define COMPLYD_MODEL_PHRASE_H

#include "base/buf.h"
#include "model/language.h"

/* X(NAME, English, Spanish) */
#define PHRASES(X)                                                                                                     \
    X(PHRASE_NOTHING, "", "")                                                                                          \
    /* what was decided, and why */                                                                                    \
    X(PHRASE_DELETED, "The MDM has deleted the device, so it is removed.",                                             \
      "El MDM ha eliminado el dispositivo, así que se retira.")                                                        \
    X(PHRASE_OLD_ID, "The Azure device id reported before, %1, is no longer this device's: it is removed first.",      \
      "El identificador de Azure comunicado antes, %1, ya no es de este dispositivo: primero se retira.")              \
    X(PHRASE_UNMANAGED, "The MDM no longer manages the device, so it is removed.",                                     \
      "El MDM ya no administra el dispositivo, así que se retira.")                                                    \
    X(PHRASE_LEAVING, "The connection's account is being disconnected, so its devices are removed.",                   \
      "La cuenta de la conexión se está desconectando, así que sus dispositivos se retiran.")                          \
    X(PHRASE_RETIRED, "An operator retired the device, so it is removed, whatever the MDM says.",                      \
      "Un operador retiró el dispositivo, así que se retira, diga lo que diga el MDM.")                                \
    X(PHRASE_KEPT, "An operator keeps it as Microsoft was told, %1, whatever its violations say.",                     \
      "Un operador lo mantiene como se comunicó a Microsoft, %1, digan lo que digan sus infracciones.")                \
    X(PHRASE_NOTHING_TO_TELL, "There is nothing to tell.", "No hay nada que comunicar.")                               \
    X(PHRASE_NO_ACTION, "It violates no enabled policy that has an action, so it is compliant.",                       \
      "No incumple ninguna directiva activa que tenga una acción, así que es compliant.")                              \
    X(PHRASE_STRICTEST, "The strictest action among its violations is %1, so it is %2.",                               \
      "La acción más estricta entre sus infracciones es %1, así que es %2.")                                           \
    /* what comes next; those that end in a colon are followed by a time */                                            \
    X(PHRASE_IN_FLIGHT, "Its report is with Microsoft right now.", "Su informe está ahora mismo en Microsoft.")        \
    X(PHRASE_UNTIL_HEALED, "It waits until its connection works again; the next attempt:",                             \
      "Espera a que su conexión vuelva a funcionar; próximo intento:")                                                 \
    X(PHRASE_AGAIN, "The last attempt failed; it is sent again:", "El último intento falló; se envía de nuevo:")       \
    X(PHRASE_THROTTLED,                                                                                                \
      "Microsoft asked us to wait; sending goes on:", "Microsoft ha pedido esperar; el envío continúa:")               \
    X(PHRASE_WORST_FIRST, "It is sent next, ahead of everything that takes no access away.",                           \
      "Es lo próximo que se envía, antes que todo lo que no quita acceso.")                                            \
    X(PHRASE_WHEN_ROOM, "It is sent when changes and quotas leave room.",                                              \
      "Se envía cuando los cambios y las cuotas dejan sitio.")                                                         \
    X(PHRASE_IN_TURN, "It is sent in its turn, at once if the quota allows.",                                          \
      "Se envía en su turno, enseguida si la cuota lo permite.")                                                       \
    X(PHRASE_WEEKLY_RUNNING, "The weekly report, now running, tells it again if it has not yet.",                      \
      "El informe semanal, ya en marcha, lo comunica de nuevo si aún no lo ha hecho.")                                 \
    X(PHRASE_WEEKLY, "Nothing until it changes; the weekly report tells it again:",                                    \
      "Nada hasta que cambie; el informe semanal lo comunica de nuevo:")                                               \
    X(PHRASE_FORGOTTEN, "Nothing is sent for a removed device; Microsoft drops its entry:",                            \
      "No se envía nada de un dispositivo retirado; Microsoft borra su entrada:")                                      \
    X(PHRASE_NO_CONNECTION, "Nothing is sent until its connection is in the configuration.",                           \
      "No se envía nada hasta que su conexión esté en la configuración.")                                              \
    X(PHRASE_OFF, "Nothing is sent until reporting is switched on; its change stays queued.",                          \
      "No se envía nada hasta que se active el envío de informes; su cambio queda en la cola.")                        \
    X(PHRASE_DATA_MISSING, "It is sent as soon as the MDM stores what is missing.",                                    \
      "Se envía en cuanto el MDM guarde lo que falta.")                                                                \
    X(PHRASE_DATA_WRONG, "It is sent as soon as the MDM corrects its data.",                                           \
      "Se envía en cuanto el MDM corrija sus datos.")                                                                  \
    X(PHRASE_VERDICT_DUE, "Microsoft took the report and is asked for its verdict.",                                   \
      "Microsoft aceptó el informe; se le pregunta por el resultado.")                                                 \
    X(PHRASE_PARKED,                                                                                                   \
      "No new attempt until its data changes, someone asks (complyctl device report), or the weekly report:",          \
      "No hay otro intento hasta que cambien sus datos, alguien lo pida (complyctl device report) o llegue el "        \
      "informe "                                                                                                       \
      "semanal:")                                                                                                      \
    /* cures of the store */                                                                                           \
    X(PHRASE_STORE_BUSY, "Another process holds the store's write lock: find it with fuser and let it finish.",        \
      "Otro proceso tiene el bloqueo de escritura del almacén: búsquelo con fuser y deje que termine.")                \
    X(PHRASE_STORE_FULL, "Free space on the store's file system; complyd goes on by itself.",                          \
      "Libere espacio en el sistema de archivos del almacén; complyd continúa solo.")                                  \
    X(PHRASE_STORE_CORRUPT,                                                                                            \
      "Run complyctl store check; put a backup in the store's place, complyd opens it by itself.",                     \
      "Ejecute complyctl store check y ponga una copia en el lugar del almacén; complyd la abre solo.")                \
    X(PHRASE_STORE_OLDER, "Stop complyd and run complyctl store migrate.",                                             \
      "Pare complyd y ejecute complyctl store migrate.")                                                               \
    X(PHRASE_STORE_NEWER, "Install the version of complyd that wrote the store, or a later one.",                      \
      "Instale la versión de complyd que escribió el almacén, o una posterior.")                                       \
    X(PHRASE_STORE_PERMISSION,                                                                                         \
      "Let the user complyd write the store, its directory, and the -wal and -shm files beside it.",                   \
      "Permita al usuario complyd escribir el almacén, su directorio y los archivos -wal y -shm que lo acompañan.")    \
    X(PHRASE_STORE_MISSING, "Put the store back, or make a new one with complyctl store init.",                        \
      "Devuelva el almacén a su sitio, o cree uno nuevo con complyctl store init.")                                    \
    X(PHRASE_STORE_OTHER, "Look at the disk below the store (dmesg); complyd tries again by itself.",                  \
      "Revise el disco del almacén (dmesg); complyd lo reintenta solo.")                                               \
    /* what doctor is about */                                                                                         \
    X(PHRASE_UNTIL, "%1, until %2", "%1, hasta %2")                                                                    \
    X(PHRASE_ISSUED_BY, "%1, issued by %2", "%1, emitido por %2")                                                      \
    X(PHRASE_CLOCK_AHEAD, "this machine is %1 ahead", "este equipo va %1 adelantado")                                  \
    X(PHRASE_CLOCK_BEHIND, "this machine is %1 behind", "este equipo va %1 atrasado")                                  \
    X(PHRASE_DISK, "%1 GiB free at %2", "%1 GiB libres en %2")                                                         \
    /* of a client code */                                                                                             \
    X(PHRASE_USER_CAN_MEND, "the device's user can mend this", "lo puede resolver el usuario del dispositivo")

enum phrase {
#define X(name, english, spanish) name,
    PHRASES(X)
#undef X
        PHRASE_COUNT
};

const char *phrase_text(enum phrase phrase, enum language language);

/* Appends it with the first "%1" and "%2" replaced. */
void phrase_add(struct buf *out, enum phrase phrase, enum language language, const char *first, const char *second);

#endif
