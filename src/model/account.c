/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/account.h"

#include <string.h>

#include "base/error.h"

static const char *const state_names[ACCOUNT_STATE_COUNT] = {
#define X(name, word) [name] = word,
    ACCOUNT_STATES(X)
#undef X
};

static const char *const step_names[ACCOUNT_STEP_COUNT] = {
#define X(name, word) [name] = word,
    ACCOUNT_STEPS(X)
#undef X
};

static const char *const step_state_names[STEP_STATE_COUNT] = {
#define X(name, word) [name] = word,
    ACCOUNT_STEP_STATES(X)
#undef X
};

static const char *const problem_names[PROBLEM_COUNT] = {
#define X(name, word) [name] = word,
    ACCOUNT_PROBLEMS(X)
#undef X
};

static const char *const step_texts[ACCOUNT_STEP_COUNT][LANGUAGE_COUNT] = {
    [ACCOUNT_CREDENTIAL] = {"Sign in to Microsoft Graph", "Iniciar sesión en Microsoft Graph"},
    [ACCOUNT_CONSENT] = {"Check the consent for Intune", "Comprobar el consentimiento para Intune"},
    [ACCOUNT_DISCOVERY] = {"Find the Intune partner service", "Localizar el servicio de asociados de Intune"},
    [ACCOUNT_GROUP] = {"Find the assignment group", "Localizar el grupo de asignación"},
    [ACCOUNT_PROVISION] = {"Provision the tenant", "Aprovisionar el inquilino"},
    [ACCOUNT_POLICY_IOS] = {"Ensure the policy for iOS", "Asegurar la directiva para iOS"},
    [ACCOUNT_ASSIGN_IOS] = {"Assign the policy for iOS", "Asignar la directiva para iOS"},
    [ACCOUNT_POLICY_ANDROID] = {"Ensure the policy for Android", "Asegurar la directiva para Android"},
    [ACCOUNT_ASSIGN_ANDROID] = {"Assign the policy for Android", "Asignar la directiva para Android"},
    [ACCOUNT_POLICY_MACOS] = {"Ensure the policy for macOS", "Asegurar la directiva para macOS"},
    [ACCOUNT_ASSIGN_MACOS] = {"Assign the policy for macOS", "Asignar la directiva para macOS"},
    [ACCOUNT_RETIRE] = {"Report every device as removed", "Comunicar todos los dispositivos como retirados"},
    [ACCOUNT_VERDICTS] = {"Await Microsoft's verdicts", "Esperar los resultados de Microsoft"},
    [ACCOUNT_DEPROVISION] = {"Deprovision the tenant", "Desaprovisionar el inquilino"},
};

struct words {
    const char *text[LANGUAGE_COUNT];
    const char *cure[LANGUAGE_COUNT];
};

static const struct words problem_words[PROBLEM_COUNT] = {
    [PROBLEM_NONE] = {{"", ""}, {"", ""}},
    [PROBLEM_GROUP_NOT_SET] =
        {{"No group is configured whose members' devices are reported.",
          "No hay configurado un grupo cuyos dispositivos se comuniquen."},
         {"Set assignment_group to the name or object id of an Entra group, run systemctl reload complyd, then connect "
          "again.",
          "Ponga en assignment_group el nombre o el identificador de objeto de un grupo de Entra, ejecute systemctl "
          "reload complyd y conecte de nuevo."}},
    [PROBLEM_GROUP_UNKNOWN] =
        {{"Entra has no group as assignment_group says.", "Entra no tiene un grupo como el de assignment_group."},
         {"Check assignment_group (the group's display name or object id), or make the group in Entra; then connect "
          "again.",
          "Compruebe assignment_group (nombre para mostrar o identificador de objeto), o cree el grupo en Entra; "
          "después conecte de nuevo."}},
    [PROBLEM_GROUP_AMBIGUOUS] =
        {{"Several groups in Entra have the name of assignment_group.",
          "Varios grupos de Entra tienen el nombre de assignment_group."},
         {"Put the object id of the right one into assignment_group, run systemctl reload complyd, then connect again.",
          "Ponga en assignment_group el identificador de objeto del correcto, ejecute systemctl reload complyd y "
          "conecte de nuevo."}},
    [PROBLEM_PAGES_NOT_SET] =
        {{"The pages to which Microsoft sends users are not configured.",
          "No están configuradas las páginas a las que Microsoft envía a los usuarios."},
         {"Set enrollment_url and remediation_url (https), run systemctl reload complyd, then do it again.",
          "Ponga enrollment_url y remediation_url (https), ejecute systemctl reload complyd y repítalo."}},
    [PROBLEM_POLICY_HIDDEN] =
        {{"Intune says that a partner policy exists, but does not list it.",
          "Intune dice que existe una directiva de asociado, pero no la muestra."},
         {"Delete the partner's policy of this platform in the Intune console, then connect again.",
          "Elimine en la consola de Intune la directiva del asociado para esta plataforma y conecte de nuevo."}},
    [PROBLEM_DEVICES_REFUSED] =
        {{"Microsoft does not take the removal of some devices.",
          "Microsoft no acepta la retirada de algunos dispositivos."},
         {"Mend what \"complyctl device show\" says of each and disconnect again, or add --force to leave them behind.",
          "Corrija lo que \"complyctl device show\" dice de cada uno y desconecte de nuevo, o añada --force para "
          "dejarlos atrás."}},
};

static int find(const char *const *names, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], word) == 0)
            return i;
    }
    return -1;
}

const char *account_state_name(enum account_state state)
{
    return state_names[state];
}

int account_state_parse(const char *word, enum account_state *ret_state)
{
    int found = find(state_names, ACCOUNT_STATE_COUNT, word);

    if (found < 0)
        return ERR_INVALID;
    *ret_state = (enum account_state)found;
    return 0;
}

#define TO(state) (1u << (state))

bool account_may_move(enum account_state from, enum account_state to)
{
    static const unsigned moves[ACCOUNT_STATE_COUNT] = {
        [ACCOUNT_NEW] = TO(ACCOUNT_CONNECTING) | TO(ACCOUNT_DISCONNECTING) | TO(ACCOUNT_DISCONNECTED),
        [ACCOUNT_CONNECTING] =
            TO(ACCOUNT_NEW) | TO(ACCOUNT_CONNECTED) | TO(ACCOUNT_DISCONNECTING) | TO(ACCOUNT_DISCONNECTED),
        [ACCOUNT_CONNECTED] = TO(ACCOUNT_CONNECTING) | TO(ACCOUNT_DISCONNECTING) | TO(ACCOUNT_DISCONNECTED),
        [ACCOUNT_DISCONNECTING] = TO(ACCOUNT_CONNECTING) | TO(ACCOUNT_DEPROVISIONING) | TO(ACCOUNT_DISCONNECTED),
        [ACCOUNT_DEPROVISIONING] = TO(ACCOUNT_DISCONNECTED),
        [ACCOUNT_DISCONNECTED] = TO(ACCOUNT_RECONNECTING),
        [ACCOUNT_RECONNECTING] = TO(ACCOUNT_CONNECTED) | TO(ACCOUNT_DISCONNECTED),
    };

    return (moves[from] & TO(to)) != 0;
}

bool account_is_reporting(enum account_state state)
{
    return state != ACCOUNT_DEPROVISIONING && state != ACCOUNT_DISCONNECTED && state != ACCOUNT_RECONNECTING;
}

const char *account_step_name(enum account_step step)
{
    return step_names[step];
}

const char *account_step_text(enum account_step step, enum language language)
{
    return step_texts[step][language];
}

int account_step_parse(const char *word, enum account_step *ret_step)
{
    int found = find(step_names, ACCOUNT_STEP_COUNT, word);

    if (found < 0)
        return ERR_INVALID;
    *ret_step = (enum account_step)found;
    return 0;
}

const char *account_step_state_name(enum account_step_state state)
{
    return step_state_names[state];
}

int account_step_state_parse(const char *word, enum account_step_state *ret_state)
{
    int found = find(step_state_names, STEP_STATE_COUNT, word);

    if (found < 0)
        return ERR_INVALID;
    *ret_state = (enum account_step_state)found;
    return 0;
}

const char *account_problem_name(enum account_problem problem)
{
    return problem_names[problem];
}

enum account_problem account_problem_parse(const char *word)
{
    int found = find(problem_names, PROBLEM_COUNT, word);

    return found < 0 ? PROBLEM_NONE : (enum account_problem)found;
}

const char *account_problem_text(enum account_problem problem, enum language language)
{
    return problem_words[problem].text[language];
}

const char *account_problem_cure(enum account_problem problem, enum language language)
{
    return problem_words[problem].cure[language];
}

static const char *const notes[NOTE_COUNT][LANGUAGE_COUNT] = {
#define X(name, english, spanish) [name] = {english, spanish},
    ACCOUNT_NOTES(X)
#undef X
};

const char *account_note_text(enum account_note note)
{
    return notes[note][LANGUAGE_EN];
}

const char *account_detail_text(const char *detail, enum language language)
{
    for (int note = 0; note < NOTE_COUNT; note++) {
        if (strcmp(notes[note][LANGUAGE_EN], detail) == 0)
            return notes[note][language];
    }
    return detail;
}
