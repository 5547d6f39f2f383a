using System.Text.RegularExpressions;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Web;

/// <summary>Sentences that are made before it is known who reads them, in the reader's language: what a refusal says of this time and of a field, and why a
/// machine or a pair is in trouble. Rules and records have them in English, those of the framework too; each has its translation here, with the
/// numbers and names of the moment in its gaps. A sentence that is not here, such as a provider's own, stays as it is.</summary>
internal static partial class SentenceTexts
{
    private static readonly IReadOnlyList<(string English, string Portuguese)> Sentences =
    [
        // The framework's.
        ("The {0} field is required.", "É obrigatório."),
        ("The field {0} must be between {1} and {2}.", "Deve ser de {1} a {2}."),
        ("The field {0} must be a string with a maximum length of {1}.", "Deve ter no máximo {1} caracteres."),
        ("The field {0} must be a string with a minimum length of {1} and a maximum length of {2}.", "Deve ter de {1} a {2} caracteres."),
        ("The field {0} must match the regular expression '{1}'.", "Deve ter a forma {1}."),
        ("The {0} field is not a valid e-mail address.", "Deve ser um endereço de e-mail."),

        // Of reading a request.
        ("Field required.", "É obrigatório."),
        ("A JSON object is required.", "É preciso um objeto JSON."),
        ("The value has the wrong form.", "O valor tem a forma errada."),
        ("The value has the wrong type or form.", "O valor tem o tipo ou a forma errada."),
        ("The value is missing or has the wrong form.", "O valor falta ou tem a forma errada."),
        ("{0} to {1} visible ASCII characters.", "De {0} a {1} caracteres ASCII visíveis."),
        ("Visible ASCII characters only.", "Só caracteres ASCII visíveis."),

        // Of the features.
        ("Is required: gpu or cpu.", "É obrigatório: gpu ou cpu."),
        ("Must be gpu or cpu.", "Deve ser gpu ou cpu."),
        ("Is required with target_type=gpu: a GPU such as rtx4090; or name an offer with target_offer_id.", "É obrigatório com target_type=gpu: uma GPU como rtx4090; ou indique uma oferta com target_offer_id."),
        ("Must be a GPU such as rtx4090, at most {0} characters.", "Deve ser uma GPU como rtx4090, de no máximo {0} caracteres."),
        ("Must be vast, gcp or ssh.", "Deve ser vast, gcp ou ssh."),
        ("Must be cheapest.", "Deve ser cheapest."),
        ("Must be an id from: dumont instance offers.", "Deve ser um id de: dumont instance offers."),
        ("Is too small: the workspace holds {0} GB. Use at least disk_size={1}.", "É pequeno demais: a área de trabalho tem {0} GB. Use pelo menos disk_size={1}."),
        ("There is no such offer. List them: dumont instance offers", "Essa oferta não existe. Liste-as: dumont instance offers"),
        ("The instance is on this offer. Name another one.", "A instância está nesta oferta. Indique outra."),
        ("This offer has no GPU. Use target_type=cpu, or another offer.", "Essa oferta não tem GPU. Use target_type=cpu, ou outra oferta."),
        ("This offer has a GPU. Use target_type=gpu, or another offer.", "Essa oferta tem GPU. Use target_type=gpu, ou outra oferta."),
        ("This offer has a disk of {0} GB at most; {1} GB are needed.", "Essa oferta tem disco de no máximo {0} GB; são precisos {1} GB."),
        ("No offer fits: raise max_price, or leave out region or target_provider.", "Nenhuma oferta serve: aumente max_price, ou omita region ou target_provider."),
        ("There are no working credentials for {0}.", "Não há credenciais válidas para {0}."),
        ("The instance is {0}; only one that has run can move.", "A instância está {0}; só uma que já rodou pode mudar."),
        ("The instance is {0}; it must run. Resume it: dumont instance resume {1}", "A instância está {0}; ela deve estar rodando. Retome-a: dumont instance resume {1}"),
        ("The instance runs on its standby, and a new GPU takes over from it by itself; see: dumont failover active", "A instância roda na reserva, e uma nova GPU a substitui sozinha; veja: dumont failover active"),
        ("Failover {0} is running; follow it with: dumont failover active", "O failover {0} está em andamento; acompanhe com: dumont failover active"),
        ("Migration {0} is running; follow it with: dumont migration get {1}", "A mudança {0} está em andamento; acompanhe com: dumont migration get {1}"),
        ("Migration {0} still keeps the machine that the instance came from. Give it back first: dumont migration release-source {1}", "A mudança {0} ainda guarda a máquina de onde a instância veio. Devolva-a antes: dumont migration release-source {1}"),
        ("Migration {0} is switching to the new machine and cannot be cancelled any more.", "A mudança {0} está trocando de máquina e não pode mais ser cancelada."),
        ("Migration {0} is over.", "A mudança {0} acabou."),
        ("Migration {0} keeps no source.", "A mudança {0} não guarda a máquina antiga."),
        ("Its machine is lost; a new one is brought to the state of snapshot {0}.", "Perdeu a máquina; uma nova recebe o conteúdo do snapshot {0}."),
        ("Its machine is lost, and there is no whole snapshot of /workspace to recover from. It runs again when its machine comes back.", "Perdeu a máquina, e não há snapshot inteiro de /workspace de que recuperar. Volta a rodar quando a máquina dela voltar."),
        ("Another machine writes by now.", "Outra máquina já escreve."),
        ("Its machine has come back.", "A máquina dela voltou."),
        ("The standby has come back and can take over.", "A reserva voltou e pode assumir."),
        ("The machines that were rented came to nothing.", "As máquinas alugadas não deram certo."),
        ("The machine that was to be filled came to nothing.", "A máquina que receberia os dados não deu certo."),
        ("It was lost in the moment of the switch.", "Foi perdida no momento da troca."),
        ("The restore was cancelled.", "A restauração foi cancelada."),
        ("The snapshot was deleted.", "O snapshot foi excluído."),
        ("It was in no state to go on.", "Não estava em condições de continuar."),
        ("No machine that fits is on the market.", "Nenhuma máquina que serve está no mercado."),
        ("Must be a snapshot such as snap-12. List them: dumont snapshot list", "Deve ser um snapshot como snap-12. Liste-os: dumont snapshot list"),
        ("The instance is {0}; only one that has run can be recovered.", "A instância está {0}; só uma que já rodou pode ser recuperada."),
        ("Its standby can take over, and has more than any snapshot: dumont failover simulate {0}", "A reserva dela pode assumir, e tem mais que qualquer snapshot: dumont failover simulate {0}"),
        ("The instance's machine is there. To bring a snapshot back on it: dumont snapshot restore <snapshot> instance_id={0}", "A máquina da instância está lá. Para trazer um snapshot de volta nela: dumont snapshot restore <snapshot> instance_id={0}"),
        ("The instance's machine is stopped or starts; it is not lost. Resume it: dumont instance resume {0}", "A máquina da instância está parada ou iniciando; não está perdida. Retome-a: dumont instance resume {0}"),
        ("The instance's machine is silent, but nothing proves that it is lost. Try again in a moment.", "A máquina da instância não dá sinal, mas nada prova que esteja perdida. Tente de novo em instantes."),
        ("The instance has no whole snapshot of /workspace. Name one of another instance with snapshot_id, if it will do.", "A instância não tem snapshot inteiro de /workspace. Indique um de outra instância com snapshot_id, se servir."),
        ("Snapshot {0} is not one of the whole /workspace that was completed.", "O snapshot {0} não é um de todo o /workspace que tenha sido completado."),
        ("The instance was paused.", "A instância foi pausada."),
        ("The machine that wrote was lost, and a failover began.", "A máquina que escrevia foi perdida, e começou um failover."),
        ("The machine that wrote was lost.", "A máquina que escrevia foi perdida."),
        ("The target was lost just before the switch.", "O destino foi perdido logo antes da troca."),
        ("The target was lost in the moment of the switch; the source goes on.", "O destino foi perdido no momento da troca; a origem continua."),
        ("It was lost while it was being filled.", "Foi perdida enquanto recebia os dados."),
        ("It came to nothing.", "Não deu certo."),
        ("It was not heard of.", "Não deu sinal."),
        ("The last changes did not arrive in time; the source goes on.", "As últimas mudanças não chegaram a tempo; a origem continua."),
        ("The workspace could not be brought over in time; the source goes on.", "A área de trabalho não pôde ser levada a tempo; a origem continua."),
        ("No machine to move to could be had: the offers that were tried came to nothing.", "Não se conseguiu uma máquina de destino: as ofertas tentadas não deram certo."),
        ("No offer that fits could be rented.", "Nenhuma oferta que serve pôde ser alugada."),
        ("Must be from {0} to {1}.", "Deve ser de {0} a {1}."),
        ("Must be a number.", "Deve ser um número."),
        ("Must be sent again; it is not kept between tries.", "Deve ser enviada de novo; não é guardada entre as tentativas."),
        ("Must be a positive integer.", "Deve ser um inteiro positivo."),
        ("Must be at most {0} characters.", "Deve ter no máximo {0} caracteres."),
        ("At most {0} characters.", "No máximo {0} caracteres."),
        ("Must be at most {0} characters without control characters.", "Deve ter no máximo {0} caracteres, sem caracteres de controle."),
        ("Must be {0} to {1} characters without control characters.", "Deve ter de {0} a {1} caracteres, sem caracteres de controle."),
        ("Must be {0} to {1} letters, digits, dots, dashes and underscores.", "Deve ter de {0} a {1} letras, dígitos, pontos, hifens e sublinhados."),
        ("Must be US, EU or ASIA.", "Deve ser US, EU ou ASIA."),
        ("The region must be US, EU or ASIA.", "Deve ser US, EU ou ASIA."),
        ("The machine type must be on-demand or interruptible.", "Deve ser on-demand ou interruptible."),
        ("The CUDA version must look like 12.4.", "Deve ter a forma 12.4."),
        ("Must be an image reference such as {0}, at most {1} characters.", "Deve ser uma referência de imagem como {0}, de no máximo {1} caracteres."),
        ("Must be at most 60 numbers from 1 to 65535.", "Devem ser no máximo 60 números de 1 a 65535."),
        ("Is required: an id of GET /instances/offers; or send use_wizard=true with filters.", "É obrigatório: um id de GET /instances/offers; ou envie use_wizard=true com filtros."),
        ("Leave it out with use_wizard=true: the server chooses the offer.", "Omita-o com use_wizard=true: o servidor escolhe a oferta."),
        ("Must be at most {0} variables.", "Devem ser no máximo {0} variáveis."),
        ("Names are letters, digits and underscores; values at most {0} characters on one line.", "Nomes são letras, dígitos e sublinhados; valores, no máximo {0} caracteres em uma linha."),
        ("One NAME=value a line.", "Um NOME=valor por linha."),
        ("Must be user_request, gpu_failure or spot_interruption.", "Deve ser user_request, gpu_failure ou spot_interruption."),
        ("Must be {0} to {1} ids.", "Devem ser de {0} a {1} ids."),
        ("{0} to {1} GPU names separated by commas are required.", "São precisos de {0} a {1} nomes de GPU separados por vírgulas."),
        ("Only e2-medium is offered at present.", "No momento só há e2-medium."),
        ("Only spot machines are offered at present.", "No momento só há máquinas spot."),
        ("Must be a zone such as {0}, or auto for the nearest to each GPU.", "Deve ser uma zona como {0}, ou auto para a mais próxima de cada GPU."),
        ("username or email is required.", "username ou email é obrigatório."),
        ("There is no scope {0}. Scopes: {1}.", "Não há o escopo {0}. Escopos: {1}."),
        ("A service-account key with client_email, private_key, token_uri and project_id is needed, at most 16 KiB.", "É preciso uma chave de conta de serviço com client_email, private_key, token_uri e project_id, de no máximo 16 KiB."),
        ("At most {0} keys of {1} characters and {2} bytes in all, of valid Unicode.", "No máximo {0} chaves de {1} caracteres e {2} bytes ao todo, em Unicode válido."),
        ("One line of an OpenSSH public key is needed: ed25519, ECDSA, or RSA of at least 2048 bits; no options.", "É preciso uma linha de chave pública OpenSSH: ed25519, ECDSA, ou RSA de pelo menos 2048 bits; sem opções."),
        ("Must be a host name of a-z, 0-9, dots and dashes, or an IPv4 or IPv6 address; no user and no port.", "Deve ser um nome de host de a-z, 0-9, pontos e hifens, ou um endereço IPv4 ou IPv6; sem usuário nem porta."),
        ("Must be a login name: a-z or _, then a-z, 0-9, _ and -.", "Deve ser um nome de usuário: a-z ou _, depois a-z, 0-9, _ e -."),
        ("Must be SHA256: and 43 characters, as ssh-keygen -l shows it.", "Deve ser SHA256: e 43 caracteres, como ssh-keygen -l a mostra."),
        ("Must be an OpenSSH private key (-----BEGIN OPENSSH PRIVATE KEY-----).", "Deve ser uma chave privada OpenSSH (-----BEGIN OPENSSH PRIVATE KEY-----)."),
        ("Must be an absolute path of at least two parts of letters, digits, dots, dashes and underscores, without . and ..", "Deve ser um caminho absoluto de pelo menos duas partes de letras, dígitos, pontos, hifens e sublinhados, sem . e .."),
        ("Must be another port than the machine's own sshd has.", "Deve ser outra porta que não a do sshd da própria máquina."),
        ("Must be gpu, standby or both.", "Deve ser gpu, standby ou both."),
        ("Must be full or incremental.", "Deve ser full ou incremental."),
        ("One directory is kept at a time.", "Guarda-se uma pasta por vez."),
        ("Must be /workspace or a directory in it.", "Deve ser /workspace ou uma pasta nele."),
        ("Must be / or a directory in /workspace.", "Deve ser / ou uma pasta em /workspace."),
        ("Leave it out with instance_id: that instance has its GPU.", "Omita com instance_id: essa instância tem a GPU dela."),
        ("Leave it out with include: they say the same.", "Omita com include: dizem o mesmo."),
        ("Must be at most 1000 paths within the snapshot, without ...", "Devem ser no máximo 1000 caminhos dentro do snapshot, sem ..."),
        ("Must be at most {0} words of 1 to {1} characters.", "Devem ser no máximo {0} palavras de 1 a {1} caracteres."),
        ("Must be a time of day in UTC such as 03:30.", "Deve ser uma hora do dia em UTC, como 03:30."),
        ("Either every_minutes or daily_at is needed.", "É preciso every_minutes ou daily_at."),
        ("Is not supported by this server; must be one of {0}.", "Sem suporte neste servidor; deve ser um destes: {0}."),
        ("There is no zone {0}. Zones: {1}.", "Não há a zona {0}. Zonas: {1}."),
        ("Must be the same as machine_id, or be left out.", "Deve ser igual a machine_id, ou ser omitido."),
        ("Must be /workspace.", "Deve ser /workspace."),
        ("Must be one of {0}.", "Deve ser um destes: {0}."),
        ("Is not supported: make an interoperability (HMAC) key and send access_key and secret_key.", "Sem suporte: crie uma chave de interoperabilidade (HMAC) e envie access_key e secret_key."),
        ("Must be dumont or restic.", "Deve ser dumont ou restic."),
        ("Must be a URL such as {0}, without keys in it.", "Deve ser uma URL como {0}, sem chaves nela."),
        ("Must be 3 to 63 lower-case letters, digits, dots and dashes.", "Devem ser de 3 a 63 letras minúsculas, dígitos, pontos e hifens."),
        ("Must be at most 64 lower-case letters, digits and dashes.", "Devem ser no máximo 64 letras minúsculas, dígitos e hifens."),
        ("Must be at most 200 lower-case letters, digits, dots, dashes and slashes.", "Devem ser no máximo 200 letras minúsculas, dígitos, pontos, hifens e barras."),

        // What happened, where it is not about a field.
        ("There is no snapshot {0}.", "Não há o snapshot {0}."),
        ("There is no snapshot operation {0}.", "Não há a operação de snapshot {0}."),
        ("The snapshot has no {0}.", "O snapshot não tem {0}."),
        ("The snapshot is {0}; nothing can be restored from it.", "O estado do snapshot é {0}; nada pode ser restaurado dele."),
        ("Operation {0} is under way; wait for its end.", "A operação {0} está em andamento; espere que termine."),
        ("The operation has ended already.", "A operação já terminou."),
        ("The last sync was just now. Send force=true to sync at once.", "A última sincronização foi agora mesmo. Envie force=true para sincronizar já."),
        ("There are {0} snapshots already. Delete some first.", "Já há {0} snapshots. Exclua alguns antes."),
        ("Missing: {0}.", "Falta: {0}."),
        ("Failover is disabled for the instance; enable it: dumont failover settings enable-cpu-standby {0}", "O failover está desligado para a instância; ligue: dumont failover settings enable-cpu-standby {0}"),
        ("The instance does not run.", "A instância não está rodando."),
        ("The instance runs on its standby already; nothing is behind that.", "A instância já roda na reserva; não há nada atrás dela."),
        ("The instance has no standby; give it one: dumont standby provision {0}", "A instância não tem reserva; dê uma a ela: dumont standby provision {0}"),
        ("The standby is not prepared yet.", "A reserva ainda não está pronta."),
        ("The standby is not heard of.", "A reserva não dá sinal."),
        ("The standby has not had everything once yet.", "A reserva ainda não recebeu tudo uma vez."),
        ("The standby could take over now.", "A reserva poderia assumir agora."),
        ("A failover is running; follow it: dumont failover active", "Há um failover em andamento; acompanhe: dumont failover active"),
        ("Sync is off, and the standby falls behind; switch it on: dumont standby sync-start {0}", "A sincronização está desligada e a reserva fica para trás; ligue: dumont standby sync-start {0}"),
        ("The instance is paused; its standby takes over only while it runs.", "A instância está pausada; a reserva só assume enquanto ela roda."),
        ("The standby is on its way; look again in a moment.", "A reserva está a caminho; veja de novo em instantes."),
        ("Failover {0} is running.", "O failover {0} está em andamento."),
        ("A failover has been asked for and is about to begin.", "Um failover foi pedido e está para começar."),
        ("This server has no warm pools. Strategies that it supports: {0}.", "Este servidor não tem warm pools. Estratégias com suporte: {0}."),
        ("The instance was deleted before it was done.", "A instância foi excluída antes do fim."),
        ("It took too long and was given up.", "Demorou demais e foi abandonada."),
        ("Accepted; the instance runs until its snapshot is done, and pauses then.", "Aceito; a instância funciona até o fim do snapshot e então pausa."),
        ("The instance is {0}, and stays so after its snapshot.", "O estado da instância é {0}, e continua assim depois do snapshot."),
        ("The instance pauses on its standby; a GPU is looked for when it is resumed.", "A instância pausa no standby; uma GPU é procurada quando ela for retomada."),
        ("It runs until its snapshot is done, and pauses then.", "Funciona até o fim do snapshot e então pausa."),
        ("The instance is in error.", "A instância está com erro."),
        ("It was cancelled.", "Foi cancelada."),
        ("There is no instance {0}.", "Não há a instância {0}."),
        ("There is nothing at {0}.", "Não há nada em {0}."),
        ("{0} does not take {1}.", "{0} não aceita {1}."),
        ("A valid token or API key is needed.", "É preciso um token ou uma chave de API válida."),
        ("The API key lacks the scope that this needs.", "Falta à chave de API o escopo necessário."),
        ("The body is not valid JSON, or is nested too deeply.", "O corpo não é JSON válido, ou tem níveis demais."),
        ("The database does not answer at present.", "O banco de dados não responde no momento."),
        ("The request failed by a defect of the server.", "O pedido falhou por um defeito do servidor."),
        ("The provider {0} does not answer at present.", "O provedor {0} não responde no momento."),
        ("The provider does not answer as it should at present.", "O provedor não responde como deveria no momento."),
        ("The provider refuses the credentials that are set.", "O provedor recusa as credenciais informadas."),
        ("The provider account has not enough credit.", "A conta no provedor não tem crédito suficiente."),
        ("There is no Vast.ai key, neither the user's nor the server's.", "Não há chave da Vast.ai, nem do usuário nem do servidor."),
        ("There are no working credentials for Vast.ai.", "Não há credenciais da Vast.ai que funcionem."),
        ("There are no credentials for Google Cloud; set gcp_credentials first.", "Não há credenciais do Google Cloud; informe antes gcp_credentials."),
        ("Too many failed logins. Wait and try again.", "Entradas erradas demais. Espere e tente de novo."),
        ("The user name or the password is wrong.", "O nome de usuário ou a senha está errada."),
        ("There is a user with this e-mail address already.", "Já há um usuário com este endereço de e-mail."),
        ("There is a user with this user name already.", "Já há um usuário com este nome."),
        ("This server makes no users by itself; ask its administrator.", "Este servidor não cria usuários por si; peça a quem o administra."),
        ("The refresh token is not good. Log in again.", "O refresh token não vale. Entre de novo."),
        ("The caller has no scope {0} to pass on.", "Quem pede não tem o escopo {0} para passar adiante."),
        ("There are {0} API keys already. Revoke one first.", "Já há {0} chaves de API. Revogue uma antes."),
        ("There are {0} SSH keys already. Remove one first.", "Já há {0} chaves SSH. Remova uma antes."),
        ("Too many pages are open.", "Há páginas abertas demais."),
        ("The form is out of date or does not come from this server. Go back, reload the page and send it again.", "O formulário está velho ou não vem deste servidor. Volte, recarregue a página e envie de novo."),
        ("This Idempotency-Key was used for a different request.", "Esta Idempotency-Key já foi usada para outro pedido."),
        ("A request with this Idempotency-Key is still running.", "Um pedido com esta Idempotency-Key ainda está em andamento."),
        ("The offer is being rented by somebody else, and nothing equivalent is on the market.", "A oferta está sendo alugada por outra pessoa, e não há nada equivalente no mercado."),
        ("No offer matches these filters at present.", "Nenhuma oferta corresponde a estes filtros no momento."),
        ("The instance is {0}.", "O estado da instância é {0}."),
        ("A failover is running; wait for its end: dumont failover active", "Há um failover em andamento; espere que termine: dumont failover active"),
        ("The instance runs on its standby; give it up when a GPU machine has taken over, or delete the instance.", "A instância roda na reserva; dispense-a quando uma máquina com GPU tiver assumido, ou exclua a instância."),

        // Of checks of a repository.
        ("What is whole can still be restored. Delete the affected snapshots and run a prune, which takes what is damaged away with them; then take new ones of what the instances still have.", "O que está inteiro ainda pode ser restaurado. Exclua os snapshots afetados e rode uma poda, que leva junto o que está danificado; depois tire novos do que as instâncias ainda têm."),
        ("Every snapshot can still be restored. Run a prune: it takes away what no snapshot needs. If damage is still found after that, move to another place in the storage settings.", "Todo snapshot ainda pode ser restaurado. Rode uma poda: ela leva o que nenhum snapshot usa. Se ainda houver dano depois disso, mude para outro lugar nas configurações de armazenamento."),
        ("There is no such repository.", "Não há esse repositório."),
        ("It came to nothing.", "Não deu em nada."),
        ("It was ended.", "Foi encerrada."),
        ("The engine {0} is not supported by this server.", "Este servidor não tem suporte ao engine {0}."),
        ("The program {0} is not installed here. Install it (apt-get install restic), or use the engine dumont.", "O programa {0} não está instalado aqui. Instale-o (apt-get install restic) ou use o engine dumont."),

        // Why a machine or a pair is in trouble.
        ("Not reachable after {0}.", "Não respondeu em {0}."),
        ("Not running within {0}.", "Não rodou em {0}."),
        ("The offer is taken or has expired.", "A oferta foi tomada ou venceu."),
        ("The provider left a machine that does not start.", "O provedor deixou uma máquina que não liga."),
        ("The provider never confirmed the machine.", "O provedor nunca confirmou a máquina."),
        ("The machine does not start.", "A máquina não liga."),
        ("The host went offline.", "O host ficou fora do ar."),
        ("The machine was taken back while it booted.", "A máquina foi tomada de volta enquanto iniciava."),
        ("The machine failed.", "A máquina falhou."),
        ("The machine is lost.", "A máquina foi perdida."),
        ("There are no credentials for Google Cloud, and no own machine is free to be the standby.", "Não há credenciais do Google Cloud, e nenhuma máquina própria está livre para ser a reserva."),
        ("Google Cloud could not be asked: {0}.", "Não foi possível perguntar ao Google Cloud: {0}."),
        ("Vast.ai could not be asked: {0}.", "Não foi possível perguntar à Vast.ai: {0}."),
        ("No zone offers a standby machine.", "Nenhuma zona oferece uma máquina de reserva."),
        ("No equivalent GPU is on the market.", "Não há GPU equivalente no mercado."),
        ("The standby was given up.", "A reserva foi dispensada."),
        ("The instance was deleted.", "A instância foi excluída."),
        ("The standby was lost as well. Whichever of the two comes back serves again; both are kept, and billed, until the instance is deleted.", "A reserva também foi perdida. A que voltar primeiro atende de novo; as duas são mantidas, e cobradas, até a instância ser excluída."),
    ];

    private static readonly IReadOnlyList<(Regex English, string Portuguese)> Patterns =
        [.. Sentences.Select(sentence => (new Regex(@"\A" + Gap().Replace(Regex.Escape(sentence.English).Replace("}", @"\}", StringComparison.Ordinal), "(.+?)") + @"\z", RegexOptions.NonBacktracking | RegexOptions.Singleline), sentence.Portuguese))];

    /// <summary><paramref name="message"/>, as a rule has it, in <paramref name="language"/>.</summary>
    public static string Of(string message, Language language)
    {
        if (language != Language.Portuguese)
        {
            return message;
        }

        foreach (var (english, portuguese) in Patterns)
        {
            if (english.Match(message) is { Success: true } match)
            {
                return Number().Replace(portuguese, gap => match.Groups[int.Parse(gap.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) + 1].Value);
            }
        }

        return message;
    }

    // As Regex.Escape leaves a gap.
    [GeneratedRegex(@"\\\{[0-9]\\\}")]
    private static partial Regex Gap();

    [GeneratedRegex(@"\{([0-9])\}")]
    private static partial Regex Number();
}
