/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/outcome.h"

#include <string.h>

static const char *const slugs[TROUBLE_COUNT] = {
#define X(name, slug) [name] = slug,
    TROUBLES(X)
#undef X
};

struct words {
    const char *text[LANGUAGE_COUNT];
    const char *cure[LANGUAGE_COUNT];
};

static const struct words words[TROUBLE_COUNT] = {
    [TROUBLE_NONE] = {{"", ""}, {"", ""}},
    [TROUBLE_NETWORK] =
        {{"Microsoft cannot be reached.", "No se puede llegar a Microsoft."},
         {"Check name resolution, the firewall and the connection's proxy for HTTPS to Microsoft; complyd keeps "
          "trying.",
          "Compruebe la resolución de nombres, el cortafuegos y el proxy de la conexión para HTTPS hacia Microsoft; "
          "complyd lo sigue intentando."}},
    [TROUBLE_TLS] =
        {{"The server's certificate cannot be trusted.", "No se puede confiar en el certificado del servidor."},
         {"Check the system's clock and the package ca-certificates; if a proxy inspects TLS, name its CA in ca_file.",
          "Compruebe el reloj del sistema y el paquete ca-certificates; si un proxy inspecciona TLS, indique su CA en "
          "ca_file."}},
    [TROUBLE_PROXY] =
        {{"The proxy refuses the way to Microsoft.", "El proxy rechaza el camino a Microsoft."},
         {"Check proxy, the user:password in proxy_credentials_file, and that the proxy lets HTTPS to Microsoft "
          "through; "
          "a replaced file is noticed.",
          "Compruebe proxy, el usuario:contraseña de proxy_credentials_file y que el proxy deje pasar HTTPS hacia "
          "Microsoft; un archivo sustituido se nota solo."}},
    [TROUBLE_THROTTLED] = {{"Microsoft asks to slow down.", "Microsoft pide ir más despacio."},
                           {"Nothing needs doing: complyd waits as asked and goes on more slowly.",
                            "No hay que hacer nada: complyd espera lo pedido y continúa más despacio."}},
    [TROUBLE_SERVICE] =
        {{"Microsoft's service is not available at present.", "El servicio de Microsoft no está disponible ahora."},
         {"Nothing needs doing: complyd keeps trying; Microsoft's service health page tells of outages.",
          "No hay que hacer nada: complyd lo sigue intentando; la página de estado de Microsoft informa de "
          "interrupciones."}},
    [TROUBLE_CREDENTIAL_FILE] =
        {{"The credential's file cannot be used.", "No se puede usar el archivo de la credencial."},
         {"Mend what the detail says about the file (path, owner, mode 0600, content); complyd notices the new "
          "file by itself.",
          "Corrija lo que el detalle dice del archivo (ruta, dueño, modo 0600, contenido); complyd nota solo el "
          "archivo nuevo."}},
    [TROUBLE_CREDENTIAL_WRONG] = {{"Entra refuses the credential.", "Entra rechaza la credencial."},
                                  {"Write the client secret's value, not its id, to the client_secret_file, or upload "
                                   "the certificate to the app "
                                   "registration; complyd notices a new file and keeps trying.",
                                   "Escriba en client_secret_file el valor del secreto, no su identificador, o suba el "
                                   "certificado al registro de "
                                   "la aplicación; complyd nota un archivo nuevo y lo sigue intentando."}},
    [TROUBLE_CREDENTIAL_EXPIRED] =
        {{"The credential has expired.", "La credencial ha caducado."},
         {"Create a new one in Entra (App registrations > Certificates & secrets), put it in the configured file: "
          "complyd notices it by itself. A federated token: look after whoever writes its file.",
          "Cree una nueva en Entra (Registros de aplicaciones > Certificados y secretos), póngala en el archivo "
          "configurado: complyd la nota solo. Un token federado: revise quién escribe su archivo."}},
    [TROUBLE_CERTIFICATE_EARLY] = {{"The certificate is not valid yet.", "El certificado todavía no es válido."},
                                   {"Check this machine's clock; if it is right, go on using the former certificate "
                                    "until the day that the detail "
                                    "names.",
                                    "Compruebe el reloj de esta máquina; si está en hora, siga usando el certificado "
                                    "anterior hasta el día que dice "
                                    "el detalle."}},
    [TROUBLE_KEY_MISMATCH] = {{"The certificate and the private key do not belong together.",
                               "El certificado y la clave privada no se corresponden."},
                              {"Put the certificate and the key of one pair in certificate_file and private_key_file; "
                               "complyd notices the new "
                               "files by itself.",
                               "Ponga el certificado y la clave de una misma pareja en certificate_file y "
                               "private_key_file; complyd nota solo "
                               "los archivos nuevos."}},
    [TROUBLE_IDENTITY] = {{"This machine's managed identity gives no token.",
                           "La identidad administrada de esta máquina no da token."},
                          {"Give the machine an identity in Azure (Identity), with its client_id if user-assigned, "
                           "without if its own; on "
                           "Azure Arc add complyd's user to the group himds.",
                           "Dé a la máquina una identidad en Azure (Identidad), con su client_id si es asignada por el "
                           "usuario, sin él si "
                           "es la suya; en Azure Arc añada el usuario de complyd al grupo himds."}},
    [TROUBLE_ASSERTION] =
        {{"Entra refuses the signed assertion.", "Entra rechaza la aserción firmada."},
         {"Upload the file of certificate_file to the app registration, or check the federated credential's issuer, "
          "subject and audience.",
          "Suba el archivo de certificate_file al registro de la aplicación, o compruebe emisor, asunto y audiencia de "
          "la credencial federada."}},
    [TROUBLE_CLOCK] = {{"This machine's clock and Microsoft's differ.",
                        "El reloj de esta máquina y el de Microsoft difieren."},
                       {"Set the clock by NTP (timedatectl set-ntp true); complyd goes on by itself.",
                        "Ponga el reloj en hora por NTP (timedatectl set-ntp true); complyd continúa solo."}},
    [TROUBLE_APP] =
        {{"Entra does not know the app in this tenant, or it is disabled.",
          "Entra no conoce la aplicación en este inquilino, o está deshabilitada."},
         {"Check client_id and tenant_id, and that the app is enabled under Enterprise applications.",
          "Compruebe client_id y tenant_id, y que la aplicación esté habilitada en Aplicaciones empresariales."}},
    [TROUBLE_TENANT] = {{"Entra does not know the tenant.", "Entra no conoce el inquilino."},
                        {"Check tenant_id, and that cloud (or authority_url) is the one where the tenant lives.",
                         "Compruebe tenant_id y que cloud (o authority_url) sea donde está el inquilino."}},
    [TROUBLE_CLOUD] =
        {{"The tenant lives in another Microsoft cloud.", "El inquilino está en otra nube de Microsoft."},
         {"Set cloud to the tenant's own (global, usgov, usdod, china) and run systemctl reload complyd.",
          "Ponga en cloud la del inquilino (global, usgov, usdod, china) y ejecute systemctl reload complyd."}},
    [TROUBLE_CONSENT] =
        {{"The tenant has not consented to the app's permissions.",
          "El inquilino no ha dado su consentimiento a los permisos de la aplicación."},
         {"An administrator grants admin consent in Entra (App registrations > API permissions).",
          "Un administrador da el consentimiento en Entra (Registros de aplicaciones > Permisos de API)."}},
    [TROUBLE_RESOURCE] = {{"Microsoft's API is not available in this tenant.",
                           "La API de Microsoft no está disponible en este inquilino."},
                          {"Check intune_scope and graph_url, and that the tenant is subscribed to Intune.",
                           "Compruebe intune_scope y graph_url, y que el inquilino esté suscrito a Intune."}},
    [TROUBLE_POLICY] =
        {{"A Conditional Access policy blocks the app itself.",
          "Una directiva de acceso condicional bloquea la propia aplicación."},
         {"Exclude the app's service principal from that policy, or allow this server's address in it.",
          "Excluya la entidad de servicio de esa directiva, o permita en ella la dirección de este servidor."}},
    [TROUBLE_TOKEN_LOOP] =
        {{"Entra blocks the app for asking too often for the same token.",
          "Entra bloquea la aplicación por pedir el mismo token demasiadas veces."},
         {"Look for another program that uses this client_id; complyd waits ten minutes and tries again.",
          "Busque otro programa que use este client_id; complyd espera diez minutos y lo reintenta."}},
    [TROUBLE_TOKEN_REFUSED] =
        {{"Microsoft refuses a fresh access token.", "Microsoft rechaza un token recién emitido."},
         {"If it lasts, check the app's permissions and that graph_url and intune_scope fit the cloud.",
          "Si persiste, compruebe los permisos de la aplicación y que graph_url e intune_scope sean de "
          "la nube."}},
    [TROUBLE_PERMISSION] =
        {{"The app lacks a permission.", "A la aplicación le falta un permiso."},
         {"Grant the app Graph's Device.ReadWrite.All and Intune's partner permissions, with admin consent, in Entra.",
          "Conceda a la aplicación Device.ReadWrite.All de Graph y los permisos de asociado de Intune, con "
          "consentimiento "
          "de administrador, en Entra."}},
    [TROUBLE_NOT_PARTNER] =
        {{"The tenant has not added this compliance partner.",
          "El inquilino no ha añadido este asociado de cumplimiento."},
         {"Add the partner in Intune (Tenant administration > Connectors and tokens > Partner compliance management).",
          "Añada el asociado en Intune (Administración de inquilinos > Conectores y tokens > Administración de "
          "cumplimiento "
          "de asociados)."}},
    [TROUBLE_ENDPOINTS] =
        {{"Graph does not name the Intune partner service, or it has moved.",
          "Graph no indica el servicio de asociados de Intune, o este se ha movido."},
         {"Check that the tenant has Intune and that graph_url fits the cloud; complyd asks for the address again.",
          "Compruebe que el inquilino tenga Intune y que graph_url sea de la nube; complyd vuelve a pedir la "
          "dirección."}},
    [TROUBLE_BUG] =
        {{"Microsoft says that the request is malformed.", "Microsoft dice que la petición está mal formada."},
         {"Update complyd; if it stays, report the detail and the request id to the project.",
          "Actualice complyd; si persiste, comunique al proyecto el detalle y el identificador de la petición."}},
    [TROUBLE_REPLY] =
        {{"What answers is not Microsoft's API.", "Lo que responde no es la API de Microsoft."},
         {"Look for a proxy, portal or filter between this server and Microsoft, and at the URLs of a custom cloud.",
          "Busque un proxy, portal o filtro entre este servidor y Microsoft, y revise las URL de una nube custom."}},
    [TROUBLE_STORE] = {{"The store cannot be used at present.", "El almacén no se puede usar ahora."},
                       {"See \"complyctl status\" for the store's fault; complyd goes on by itself once it is mended.",
                        "Vea en \"complyctl status\" el fallo del almacén; complyd continúa solo cuando se arregle."}},
};

static enum trouble known(enum trouble trouble)
{
    return (unsigned)trouble < TROUBLE_COUNT ? trouble : TROUBLE_NONE;
}

const char *trouble_slug(enum trouble trouble)
{
    return slugs[known(trouble)];
}

enum trouble trouble_parse(const char *slug)
{
    for (int trouble = 0; trouble < TROUBLE_COUNT; trouble++) {
        if (strcmp(trouble_slug((enum trouble)trouble), slug) == 0)
            return (enum trouble)trouble;
    }
    return TROUBLE_NONE;
}

const char *trouble_text(enum trouble trouble, enum language language)
{
    return words[known(trouble)].text[(unsigned)language < LANGUAGE_COUNT ? language : LANGUAGE_EN];
}

const char *trouble_cure(enum trouble trouble, enum language language)
{
    return words[known(trouble)].cure[(unsigned)language < LANGUAGE_COUNT ? language : LANGUAGE_EN];
}
