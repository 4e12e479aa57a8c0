/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/drift.h"

#include <string.h>

static const char *const phase_names[DRIFT_PHASE_COUNT] = {
#define X(name, word) [name] = word,
    DRIFT_PHASES(X)
#undef X
};

static const char *const cause_names[DRIFT_CAUSE_COUNT] = {
#define X(name, word) [name] = word,
    DRIFT_CAUSES(X)
#undef X
};

static const struct {
    const char *text[LANGUAGE_COUNT];
    const char *cure[LANGUAGE_COUNT];
} cause_words[DRIFT_CAUSE_COUNT] = {
    [DRIFT_NONE] = {{"", ""}, {"", ""}},
    [DRIFT_UNKNOWN] =
        {{"Microsoft has no device with the id that it was told of.",
          "Microsoft no tiene ningún dispositivo con el identificador que se le comunicó."},
         {"Check that the device is registered in Entra with this very id and in this tenant; the user registers it "
          "anew "
          "in Microsoft Authenticator if it is not.",
          "Compruebe que el dispositivo está registrado en Entra con ese identificador y en este inquilino; si no, el "
          "usuario lo registra de nuevo en Microsoft Authenticator."}},
    [DRIFT_VALUE] =
        {{"Microsoft says otherwise than what it accepted from complyd.",
          "Microsoft dice algo distinto de lo que aceptó de complyd."},
         {"Run complyctl drift --repair to report it again; if it comes back, Intune or another partner governs the "
          "device.",
          "Ejecute complyctl drift --repair para comunicarlo de nuevo; si reaparece, Intune u otro asociado gobierna "
          "el "
          "dispositivo."}},
    [DRIFT_WRITER] =
        {{"Another writer has changed what Microsoft believes of it since it was seen right.",
          "Otro sistema ha cambiado lo que Microsoft cree de él desde que se vio correcto."},
         {"Find who else writes it (Entra audit log: Update device) and stop one of the two; then run complyctl drift "
          "--repair.",
          "Averigüe quién más lo escribe (registro de auditoría de Entra: Update device) y detenga a uno de los dos; "
          "después ejecute complyctl drift --repair."}},
    [DRIFT_STALE] =
        {{"The store and Microsoft do not go by the same id any more: one of them holds an id that the other has given "
          "up.",
          "El almacén y Microsoft ya no usan el mismo identificador: uno conserva un identificador que el otro ha "
          "abandonado."},
         {"Deleted in Entra: the user registers the device anew in Microsoft Authenticator. Given up here: run "
          "complyctl "
          "drift --repair to report its removal again.",
          "Borrado en Entra: el usuario registra de nuevo el dispositivo en Microsoft Authenticator. Abandonado aquí: "
          "ejecute complyctl drift --repair para comunicar de nuevo su retirada."}},
};

const char drift_problem_permission[] = "no_read_permission";

static int find(const char *const *names, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], word) == 0)
            return i;
    }
    return 0;
}

const char *drift_phase_name(enum drift_phase phase)
{
    return phase_names[phase];
}

enum drift_phase drift_phase_parse(const char *word)
{
    return (enum drift_phase)find(phase_names, DRIFT_PHASE_COUNT, word);
}

const char *drift_cause_name(enum drift_cause cause)
{
    return cause_names[cause];
}

enum drift_cause drift_cause_parse(const char *word)
{
    return (enum drift_cause)find(cause_names, DRIFT_CAUSE_COUNT, word);
}

const char *drift_cause_text(enum drift_cause cause, enum language language)
{
    return cause_words[cause].text[language];
}

const char *drift_cause_cure(enum drift_cause cause, enum language language)
{
    return cause_words[cause].cure[language];
}

const char *drift_problem_text(enum language language)
{
    static const char *const texts[LANGUAGE_COUNT] = {
        "Microsoft does not let complyd read devices, so nothing can be compared; reports are not affected.",
        "Microsoft no permite a complyd leer dispositivos, así que no se puede comparar; los informes no se ven "
        "afectados."};

    return texts[language];
}

const char *drift_problem_cure(enum language language)
{
    static const char *const cures[LANGUAGE_COUNT] = {
        "Give the app the application permission Device.Read.All of Microsoft Graph with admin consent, then run "
        "complyctl drift.",
        "Conceda a la aplicación el permiso de aplicación Device.Read.All de Microsoft Graph con consentimiento del "
        "administrador y ejecute complyctl drift."};

    return cures[language];
}

static bool agrees(enum azure_state told, const struct drift_seen *seen)
{
    switch (told) {
    case AZURE_STATE_COMPLIANT:
        return seen->managed && seen->compliant;
    case AZURE_STATE_NON_COMPLIANT:
        return seen->managed && !seen->compliant;
    default:
        return !seen->managed && !seen->compliant;
    }
}

enum drift_cause drift_judge(enum azure_state told, bool given_up, const struct drift_seen *seen, bool was_right)
{
    if (!seen->known && (told == AZURE_STATE_REMOVED || given_up))
        return DRIFT_NONE; /* Microsoft has forgotten it, as it should */
    if (!seen->known)
        return seen->gone ? DRIFT_STALE : DRIFT_UNKNOWN;
    if (given_up && (seen->managed || seen->compliant))
        return was_right ? DRIFT_WRITER : DRIFT_STALE;
    if (given_up || agrees(told, seen))
        return DRIFT_NONE;
    return was_right ? DRIFT_WRITER : DRIFT_VALUE;
}
