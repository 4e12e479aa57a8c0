/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * check - what "complyctl doctor" looks at, and what it may find: the words for people in English and Spanish. Pure.
 *
 * Refusals of Microsoft's have their own words (trouble, in microsoft/outcome.h), steps of an account too
 * (model/account.h).
 */
#ifndef COMPLYD_MODEL_CHECK_H
#define COMPLYD_MODEL_CHECK_H

#include "model/language.h"

/* X(NAME, word in JSON, English, Spanish) */
#define CHECKS(X)                                                                                                      \
    X(CHECK_CONFIGURATION, "configuration", "Configuration", "Configuración")                                          \
    X(CHECK_SERVICE, "service", "systemd unit", "Unidad de systemd")                                                   \
    X(CHECK_SANDBOX, "sandbox", "Sandbox", "Aislamiento")                                                              \
    X(CHECK_SOCKET, "socket", "Control socket", "Socket de control")                                                   \
    X(CHECK_DAEMON, "daemon", "Daemon", "Demonio")                                                                     \
    X(CHECK_STORE, "store", "Store", "Almacén")                                                                        \
    X(CHECK_DISK, "disk", "Disk space", "Espacio en disco")                                                            \
    X(CHECK_REPORTING, "reporting", "Reporting", "Comunicación")                                                       \
    X(CHECK_PAGES, "pages", "Users' pages", "Páginas de usuarios")                                                     \
    X(CHECK_CREDENTIAL, "credential", "Credential", "Credencial")                                                      \
    X(CHECK_PROXY, "proxy", "Proxy", "Proxy HTTP")                                                                     \
    X(CHECK_SIGN_IN, "sign_in", "Sign-in", "Inicio de sesión")                                                         \
    X(CHECK_CLOCK, "clock", "Clock", "Reloj")                                                                          \
    X(CHECK_GRAPH, "graph", "Microsoft Graph", "API de Microsoft Graph")                                               \
    X(CHECK_GROUP, "group", "Assignment group", "Grupo de asignación")                                                 \
    X(CHECK_CONSENT, "consent", "Consent for Intune", "Consentimiento para Intune")                                    \
    X(CHECK_PARTNER, "partner", "Partner service", "Servicio de asociados")                                            \
    X(CHECK_POLICY, "policy", "Partner policies", "Directivas de asociado")                                            \
    X(CHECK_TLS, "tls", "TLS certificate", "Certificado TLS")

enum check {
#define X(name, word, english, spanish) name,
    CHECKS(X)
#undef X
        CHECK_COUNT
};

/* X(NAME, word); from the best to the worst */
#define CHECK_STATES(X)                                                                                                \
    X(CHECK_OK, "ok")                                                                                                  \
    X(CHECK_SKIPPED, "skipped")                                                                                        \
    X(CHECK_WARNING, "warning")                                                                                        \
    X(CHECK_FAILURE, "failure")

enum check_state {
#define X(name, word) name,
    CHECK_STATES(X)
#undef X
        CHECK_STATE_COUNT
};

/* X(NAME, word in JSON, state, English, Spanish, cure in English, cure in Spanish); what is well and what was passed
 * over has no cure. Laid out by hand: clang-format 14 and 19 do not agree about letters that are not ASCII. */
/* clang-format off */
#define CHECK_FINDINGS(X)                                                                                              \
    X(FOUND_WELL, "", CHECK_OK, "All is well.", "Todo está bien.", "", "")                                             \
    X(FOUND_NO_PROXY, "no_proxy", CHECK_OK, "None is configured: Microsoft is asked directly.",                        \
      "No hay ninguno configurado: se pregunta a Microsoft directamente.", "", "")                                     \
    X(FOUND_MISTAKE, "mistake", CHECK_FAILURE, "The configuration has a mistake.", "La configuración tiene un error.", \
      "Mend the line; \"complyd --check\" checks it again, then run systemctl reload complyd.",                        \
      "Corrija la línea; \"complyd --check\" la comprueba de nuevo; después ejecute systemctl reload complyd.")        \
    X(FOUND_NOT_READABLE, "not_readable", CHECK_SKIPPED,                                                               \
      "You may not read the configuration, or files that it names.",                                                   \
      "Usted no puede leer la configuración, o archivos que nombra.", "", "")                                          \
    X(FOUND_OF_UNIT, "credential_of_unit", CHECK_SKIPPED,                                                              \
      "A credential that systemd hands to the unit is there only while that runs.",                                    \
      "Una credencial que systemd entrega a la unidad solo está mientras esta se ejecuta.", "", "")                    \
    X(FOUND_NO_CONNECTION, "no_connection", CHECK_WARNING, "No connection is configured, so nothing is reported.",     \
      "No hay ninguna conexión configurada, así que no se comunica nada.",                                             \
      "Add a [connection NAME] with the tenant's ids to the configuration, then run systemctl reload complyd.",        \
      "Añada a la configuración una [connection NAME] con los identificadores del inquilino y ejecute "                \
      "systemctl reload complyd.")                                                                                     \
    X(FOUND_NOT_RUNNING, "not_running", CHECK_FAILURE,                                                                 \
      "complyd is not running: what lies at Microsoft was not checked.",                                               \
      "complyd no está en marcha: lo que está en Microsoft no se ha comprobado.",                                      \
      "Run systemctl start complyd; journalctl -u complyd says why it ended. With another configuration name it by "   \
      "--config.",                                                                                                     \
      "Ejecute systemctl start complyd; journalctl -u complyd dice por qué acabó. Si usa otra "                        \
      "configuración, nómbrela con --config.")                                                                         \
    X(FOUND_NO_ANSWER, "no_answer", CHECK_FAILURE, "complyd did not answer.", "complyd no ha respondido.",             \
      "Look at journalctl -u complyd, then ask again.", "Mire journalctl -u complyd y pregunte de nuevo.")             \
    X(FOUND_OTHER_VERSION, "other_version", CHECK_WARNING, "The daemon is of another version than complyctl.",         \
      "El demonio es de otra versión que complyctl.",                                                                  \
      "Run systemctl restart complyd, so that the installed version runs.",                                            \
      "Ejecute systemctl restart complyd, para que corra la versión instalada.")                                       \
    X(FOUND_NOT_YOURS, "not_yours", CHECK_FAILURE, "The control socket is not yours to open.",                         \
      "Usted no puede abrir el socket de control.",                                                                    \
      "Use sudo, or become a member of the group complyd (usermod -aG complyd USER, then sign in again).",             \
      "Use sudo, o hágase miembro del grupo complyd (usermod -aG complyd USUARIO e inicie sesión de nuevo).")          \
    X(FOUND_SOCKET_OPEN, "socket_open", CHECK_WARNING, "Others than its owner and group may open the control socket.", \
      "Otros que su dueño y su grupo pueden abrir el socket de control.",                                              \
      "Run systemctl restart complyd: it makes the socket anew with mode 0660.",                                       \
      "Ejecute systemctl restart complyd: crea el socket de nuevo con modo 0660.")                                     \
    X(FOUND_NO_UNIT, "no_unit", CHECK_SKIPPED, "There is no complyd.service on this machine.",                         \
      "No hay complyd.service en esta máquina.", "", "")                                                               \
    X(FOUND_SANDBOX, "store_outside", CHECK_WARNING, "The store lies outside of what the unit lets complyd write.",    \
      "El almacén está fuera de lo que la unidad deja escribir a complyd.",                                            \
      "Add the folder by systemctl edit complyd: [Service] ReadWritePaths=FOLDER; then systemctl restart complyd.",    \
      "Añada la carpeta con systemctl edit complyd: [Service] ReadWritePaths=CARPETA; después systemctl "              \
      "restart complyd.")                                                                                              \
    X(FOUND_UNCONFINED, "unconfined", CHECK_WARNING, "complyd runs without the sandbox of its unit.",                  \
      "complyd se ejecuta sin el aislamiento de su unidad.",                                                           \
      "Stop it and run systemctl start complyd; systemctl cat complyd shows what drop-ins take away.",                 \
      "Párelo y ejecute systemctl start complyd; systemctl cat complyd muestra qué quitan los drop-ins.")              \
    X(FOUND_STORE_NONE, "store_missing", CHECK_FAILURE, "There is no store.", "No hay almacén.",                       \
      "Run complyctl store init, or set store in [daemon] to where it is.",                                            \
      "Ejecute complyctl store init, o ponga en store de [daemon] dónde está.")                                        \
    X(FOUND_STORE_OLDER, "store_older", CHECK_FAILURE, "The store is of an older version.",                            \
      "El almacén es de una versión anterior.",                                                                        \
      "Run systemctl stop complyd, complyctl store migrate, systemctl start complyd.",                                 \
      "Ejecute systemctl stop complyd, complyctl store migrate, systemctl start complyd.")                             \
    X(FOUND_STORE_NEWER, "store_newer", CHECK_FAILURE, "The store is of a newer version.",                             \
      "El almacén es de una versión más reciente.", "Install the newer complyd, or restore an older backup.",          \
      "Instale el complyd más reciente, o restaure una copia anterior.")                                               \
    X(FOUND_STORE_DAMAGED, "store_damaged", CHECK_FAILURE, "The store is damaged.", "El almacén está dañado.",         \
      "Stop complyd and the MDM, then restore a backup (complyctl store backup makes them).",                          \
      "Pare complyd y el MDM y restaure una copia (complyctl store backup las hace).")                                 \
    X(FOUND_STORE_CLOSED, "store_closed", CHECK_FAILURE, "The store cannot be opened.",                                \
      "El almacén no se puede abrir.",                                                                                 \
      "Check that its folder and file belong to the group complyd, and run this by sudo or as a member of it.",        \
      "Compruebe que su carpeta y su archivo sean del grupo complyd, y ejecute esto con sudo o como miembro de él.")   \
    X(FOUND_STORE_TROUBLE, "store_trouble", CHECK_FAILURE, "complyd has trouble with the store.",                      \
      "complyd tiene problemas con el almacén.", "complyctl status says what cures it.",                               \
      "complyctl status dice qué lo remedia.")                                                                         \
    X(FOUND_DISK_LOW, "disk_low", CHECK_WARNING, "The disk of the store is filling up.",                               \
      "El disco del almacén se está llenando.", "Make room, or move the store to a larger disk.",                      \
      "Libere espacio, o lleve el almacén a un disco mayor.")                                                          \
    X(FOUND_DISK_FULL, "disk_full", CHECK_FAILURE, "The disk of the store is full: changes cannot be written.",        \
      "El disco del almacén está lleno: no se pueden escribir cambios.", "Make room now; complyd goes on by itself.",  \
      "Libere espacio ya; complyd continúa solo.")                                                                     \
    X(FOUND_OFF, "off", CHECK_SKIPPED, "It is switched off or disconnected: Microsoft is not asked.",                  \
      "Está apagada o desconectada: no se pregunta a Microsoft.", "", "")                                              \
    X(FOUND_NOT_ASKED, "not_asked", CHECK_SKIPPED, "Not asked, as what comes before it failed.",                       \
      "No se ha preguntado, porque falló lo anterior.", "", "")                                                        \
    X(FOUND_ONLY_WINDOWS, "only_windows", CHECK_SKIPPED, "Only Windows devices: nothing is wanted of Intune.",         \
      "Solo hay dispositivos Windows: no se pide nada a Intune.", "", "")                                              \
    X(FOUND_POLITE, "throttled", CHECK_SKIPPED, "Microsoft has asked for a pause, so it is not asked now.",            \
      "Microsoft ha pedido una pausa, así que ahora no se le pregunta.", "", "")                                       \
    X(FOUND_EXPIRES, "expires_soon", CHECK_WARNING, "The credential expires soon.", "La credencial caduca pronto.",    \
      "Make a new one in Entra (Certificates & secrets) and put it in place beside or instead of this one.",           \
      "Cree otra en Entra (Certificados y secretos) y póngala junto a esta o en su lugar.")                            \
    X(FOUND_TLS_EXPIRES, "certificate_expires_soon", CHECK_WARNING,                                                    \
      "A server's certificate ends soon; after that it is not believed.",                                              \
      "El certificado de un servidor caduca pronto; después ya no se le cree.",                                        \
      "Microsoft renews its own in time. If the issuer is a proxy of yours that inspects TLS, tell who runs it.",      \
      "Microsoft renueva los suyos a tiempo. Si el emisor es un proxy suyo que inspecciona TLS, avise a "              \
      "quien lo gestiona.")                                                                                            \
    X(FOUND_NO_POLICY, "policy_missing", CHECK_WARNING,                                                                \
      "There are devices of a platform that has no partner compliance policy in Intune.",                              \
      "Hay dispositivos de una plataforma que no tiene directiva de asociado en Intune.",                              \
      "Add the partner for the platform in Intune (Tenant administration > Connectors and tokens > Partner "           \
      "compliance management); complyd then makes it by itself, at once with complyctl account connect.",              \
      "Añada el asociado para la plataforma en Intune (Administración de inquilinos > Conectores y tokens > "          \
      "Administración de cumplimiento de asociados); complyd la crea entonces solo, enseguida con complyctl "          \
      "account connect.")
/* clang-format on */

enum check_finding {
#define X(name, word, state, english, spanish, cure_english, cure_spanish) name,
    CHECK_FINDINGS(X)
#undef X
        CHECK_FINDING_COUNT
};

const char *check_name(enum check check);
const char *check_title(enum check check, enum language language);

const char *check_state_name(enum check_state state);
enum check_state check_state_parse(const char *name); /* CHECK_FAILURE for others */
const char *check_state_title(enum check_state state, enum language language);

const char *check_finding_name(enum check_finding finding);
enum check_state check_finding_state(enum check_finding finding);
const char *check_finding_text(enum check_finding finding, enum language language);
const char *check_finding_cure(enum check_finding finding, enum language language);

#endif
