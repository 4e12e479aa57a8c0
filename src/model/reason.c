/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/reason.h"

#include <stddef.h>
#include <string.h>

/* What is the matter, and what to do about it: one line each, in every language. */
struct entry {
    const char *text[LANGUAGE_COUNT];
    const char *cure[LANGUAGE_COUNT];
};

static const char *const slugs[REASON_COUNT] = {
#define X(name, slug) [name] = slug,
    REASONS(X)
#undef X
};

static const struct entry reasons[REASON_COUNT] = {
    [REASON_NONE] = {{"", ""}, {"", ""}},
    [REASON_NOT_REGISTERED] =
        {{"The device has no Azure device id yet.", "El dispositivo aún no tiene identificador de Azure."},
         {"The user opens Microsoft Authenticator and registers the device; the MDM then stores the id.",
          "El usuario abre Microsoft Authenticator y registra el dispositivo; después el MDM guarda el "
          "identificador."}},
    [REASON_NOT_EVALUATED] =
        {{"The MDM has not evaluated the device's compliance yet.",
          "El MDM aún no ha evaluado el cumplimiento del dispositivo."},
         {"Let the device check in, or start an evaluation in the MDM; it must set evaluated_at.",
          "Haga que el dispositivo se conecte o inicie una evaluación en el MDM, que debe rellenar evaluated_at."}},
    [REASON_UNKNOWN_POLICY] =
        {{"The device violates a policy that the store does not know.",
          "El dispositivo incumple una directiva que el almacén no conoce."},
         {"Add the missing policy to the store, or remove the violation; \"complyctl device explain\" names it.",
          "Añada la directiva que falta al almacén o elimine la infracción; \"complyctl device explain\" la nombra."}},
    [REASON_HELD] =
        {{"An operator keeps the device at what Microsoft was told of it.",
          "Un operador mantiene el dispositivo como se comunicó a Microsoft."},
         {"The hold ends by itself; \"complyctl holds\" says when, \"complyctl unhold\" ends it now.",
          "La retención termina sola; \"complyctl holds\" dice cuándo y \"complyctl unhold\" la termina ya."}},
    [REASON_RETIRED] = {{"An operator retired the device.", "Un operador retiró el dispositivo."},
                        {"It comes back when it registers anew, or with \"complyctl device revive\".",
                         "Vuelve cuando se registra de nuevo, o con \"complyctl device revive\"."}},
    [REASON_UNKNOWN_CONNECTION] =
        {{"The device's connection is not in the configuration.",
          "La conexión del dispositivo no está en la configuración."},
         {"Add a [connection NAME] section of that name and reload, or correct the device's connection in the MDM.",
          "Añada una sección [connection NOMBRE] con ese nombre y recargue, o corrija la conexión en el MDM."}},
    [REASON_REPORTING_OFF] =
        {{"Reporting is switched off; the change is kept in the queue.",
          "El envío de informes está desactivado; el cambio queda en la cola."},
         {"Set enabled = yes in [reporting] and in the connection's section, then reload complyd.",
          "Ponga enabled = yes en [reporting] y en la sección de la conexión, y recargue complyd."}},
    [REASON_DISCONNECTED] = {{"The account of the connection is disconnected; the change is kept in the queue.",
                              "La cuenta de la conexión está desconectada; el cambio queda en la cola."},
                             {"Run complyctl account connect when its devices are to be reported again.",
                              "Ejecute complyctl account connect cuando sus dispositivos deban comunicarse de nuevo."}},
    [REASON_BAD_AZURE_ID] = {{"The Azure device id in the store is not a GUID; what was last reported stays.",
                              "El identificador de Azure del almacén no es un GUID; se mantiene lo último comunicado."},
                             {"Correct azure_device_id in the MDM: 36 characters, as Entra shows it, or empty.",
                              "Corrija azure_device_id en el MDM: 36 caracteres, como lo muestra Entra, o vacío."}},
    [REASON_NO_USER] = {{"The device has no user, and Microsoft accepts this platform only with its user.",
                         "El dispositivo no tiene usuario y Microsoft solo acepta esta plataforma con su usuario."},
                        {"Assign the device to its user in the MDM, so that user_principal_name is set.",
                         "Asigne el dispositivo a su usuario en el MDM para que user_principal_name tenga valor."}},
    [REASON_BAD_DATA] =
        {{"A column of the device is unreadable: not UTF-8, a control character, or an unknown platform.",
          "Una columna del dispositivo es ilegible: no es UTF-8, lleva un carácter de control o la plataforma no "
          "existe."},
         {"Correct the device's columns in the MDM; \"complyctl store check\" names them.",
          "Corrija las columnas del dispositivo en el MDM; \"complyctl store check\" las nombra."}},
    [REASON_USER_UNKNOWN] =
        {{"Entra does not know the device's user.", "Entra no conoce al usuario del dispositivo."},
         {"Check user_principal_name against Entra, and that the account exists in this connection's tenant.",
          "Compare user_principal_name con Entra y compruebe que la cuenta existe en el inquilino de esta conexión."}},
    [REASON_DEVICE_UNKNOWN] =
        {{"Entra does not know the device.", "Entra no conoce el dispositivo."},
         {"The user opens Microsoft Authenticator and registers the device again; check azure_device_id.",
          "El usuario abre Microsoft Authenticator y vuelve a registrar el dispositivo; compruebe azure_device_id."}},
    [REASON_DEVICE_REFUSED] =
        {{"Microsoft refused the report of this device.", "Microsoft rechazó el informe de este dispositivo."},
         {"Read Microsoft's answer in \"complyctl device explain\", correct it, then \"complyctl device report\".",
          "Lea la respuesta de Microsoft en \"complyctl device explain\", corrija y use \"complyctl device report\"."}},
    [REASON_MESSAGE_FAILED] =
        {{"Microsoft accepted the report, but could not apply it.",
          "Microsoft aceptó el informe, pero no pudo aplicarlo."},
         {"Check the user's Intune licence and the partner's group in Intune, then \"complyctl device report\".",
          "Compruebe la licencia de Intune del usuario y el grupo del asociado, y use \"complyctl device report\"."}},
    [REASON_ID_TWIN] = {{"Another device of the store has the same Azure device id.",
                         "Otro dispositivo del almacén tiene el mismo identificador de Azure."},
                        {"Find both with \"complyctl device list --search\" and the id; remove the stale one in the "
                         "MDM, or clear its azure_device_id.",
                         "Busque los dos con \"complyctl device list --search\" y el identificador; elimine en el MDM "
                         "el obsoleto o vacíe su azure_device_id."}},
    [REASON_NO_VERDICT] =
        {{"Microsoft accepted the report, but gave no verdict in time.",
          "Microsoft aceptó el informe, pero no dio un resultado a tiempo."},
         {"Nothing needs doing: it is sent again by itself; \"complyctl device report\" does so now.",
          "No hay que hacer nada: se envía de nuevo por sí solo; \"complyctl device report\" lo hace ahora."}},
    [REASON_RETRYING] =
        {{"The report could not be delivered and is tried again.", "El informe no se pudo entregar y se reintenta."},
         {"Nothing needs doing; if it lasts, \"complyctl doctor\" checks the way to Microsoft.",
          "No hay que hacer nada; si persiste, \"complyctl doctor\" comprueba el camino hasta Microsoft."}},
    [REASON_CONNECTION_TROUBLE] =
        {{"The connection is stopped: Microsoft refuses its credential, consent or tenant.",
          "La conexión está parada: Microsoft rechaza su credencial, consentimiento o inquilino."},
         {"\"complyctl status\" shows the connection's fault and its cure; the queue is kept meanwhile.",
          "\"complyctl status\" muestra el fallo de la conexión y su remedio; la cola se conserva mientras tanto."}},
    [REASON_BREAKER_HOLDS] =
        {{"Too many devices would lose access at once; the breaker holds this report.",
          "Demasiados dispositivos perderían el acceso a la vez; el disyuntor retiene este informe."},
         {"Look at \"complyctl breaker show\", then \"complyctl breaker release\" or \"discard\".",
          "Mire \"complyctl breaker show\" y decida con \"complyctl breaker release\" o \"discard\"."}},
    [REASON_QUEUED] = {{"The report is queued and goes out in its turn.",
                        "El informe está en la cola y saldrá en su turno."},
                       {"Nothing needs doing; \"complyctl status\" shows the queue.",
                        "No hay que hacer nada; \"complyctl status\" muestra la cola."}},
};

static const char *const client_cures[CLIENT_STATUS_COUNT][LANGUAGE_COUNT] = {
    [CLIENT_UNKNOWN] = {"", ""},
    [CLIENT_SUCCESS] = {"", ""},
    [CLIENT_INTERNAL_ERROR] =
        {"The user updates Microsoft Authenticator and registers again; if it stays, collect the app's log.",
         "El usuario actualiza Microsoft Authenticator y se registra de nuevo; si persiste, recoja el registro de la "
         "app."},
    [CLIENT_WORKPLACE_JOIN_REQUIRED] = {"The user opens Microsoft Authenticator and registers the device.",
                                        "El usuario abre Microsoft Authenticator y registra el dispositivo."},
    [CLIENT_INTERACTION_REQUIRED] = {"The user opens Microsoft Authenticator and signs in again.",
                                     "El usuario abre Microsoft Authenticator e inicia sesión de nuevo."},
    [CLIENT_SERVER_DECLINED_SCOPES] =
        {"An administrator grants the MDM app's missing permissions in Entra; the user then signs in again.",
         "Un administrador concede en Entra los permisos que faltan a la app del MDM; el usuario vuelve a iniciar "
         "sesión."},
    [CLIENT_SERVER_PROTECTION_POLICIES_REQUIRED] =
        {"An administrator excludes the MDM app from the Conditional Access rule that asks for app protection.",
         "Un administrador excluye la app del MDM de la regla de acceso condicional que exige protección de "
         "aplicaciones."},
    [CLIENT_USER_CANCELED] = {"The user starts the registration again and does not close the sign-in window.",
                              "El usuario inicia de nuevo el registro y no cierra la ventana de inicio de sesión."},
    [CLIENT_ACCOUNT_LOGGED_OUT] =
        {"The user signs in to the work account in Microsoft Authenticator again.",
         "El usuario vuelve a iniciar sesión con la cuenta de trabajo en Microsoft Authenticator."},
};

/* Values may come from a store or a request: what is out of range reads as nothing, in English. */
static enum language known(enum language language)
{
    return language < LANGUAGE_COUNT ? language : LANGUAGE_EN;
}

static const struct entry *find_entry(enum reason reason)
{
    return &reasons[reason < REASON_COUNT ? reason : REASON_NONE];
}

const char *reason_slug(enum reason reason)
{
    return reason < REASON_COUNT ? slugs[reason] : "";
}

enum reason reason_parse(const char *slug)
{
    for (int i = 0; slug != NULL && i < REASON_COUNT; i++) {
        if (strcmp(slug, slugs[i]) == 0)
            return (enum reason)i;
    }
    return REASON_NONE;
}

const char *reason_text(enum reason reason, enum language language)
{
    return find_entry(reason)->text[known(language)];
}

const char *reason_cure(enum reason reason, enum language language)
{
    return find_entry(reason)->cure[known(language)];
}

const char *client_status_cure(enum client_status status, enum language language)
{
    return client_cures[status < CLIENT_STATUS_COUNT ? status : CLIENT_UNKNOWN][known(language)];
}

const char *compliance_status_label(enum compliance_status status, enum language language)
{
    static const char *const labels[][LANGUAGE_COUNT] = {
        [STATUS_NONE] = {"", ""},
        [STATUS_IN_PROGRESS] = {"In progress", "En curso"},
        [STATUS_SUCCESS] = {"Success", "Correcto"},
        [STATUS_ERROR] = {"Error", "Error"},
    };

    return labels[status <= STATUS_ERROR ? status : STATUS_NONE][known(language)];
}
