using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Web;

/// <summary>Refusals in the caller's language: title and remedy of each kind here, what happened this time and what a field must be in
/// <see cref="SentenceTexts"/>. <c>code</c> and field names are never translated.</summary>
internal static class ProblemTexts
{
    private static readonly Dictionary<string, (string Title, string Hint)> InPortuguese = new()
    {
        ["validation-failed"] = ("Erro de validação", "Corrija os campos indicados e envie de novo."),
        ["bad-request"] = ("Pedido inválido", "Veja a descrição da API em /api/v1/openapi.json."),
        ["malformed-body"] = ("O corpo não é JSON válido", "Envie um objeto JSON com Content-Type: application/json."),
        ["body-too-large"] = ("O corpo é grande demais", "Envie no máximo 1 MiB."),
        ["unsupported-media-type"] = ("Tipo de conteúdo não aceito", "Envie Content-Type: application/json."),
        ["unauthorized"] = ("Não autenticado", "Entre com: dumont auth login <email> <password>"),
        ["forbidden"] = ("Proibido", "Use uma chave de API ou um usuário com o escopo necessário."),
        ["not-found"] = ("Não encontrado", "Confira o id; veja o que você tem com o comando list do recurso."),
        ["method-not-allowed"] = ("Método não permitido", "Veja a descrição da API em /api/v1/openapi.json."),
        ["conflict"] = ("Conflito", "Veja o estado atual e decida de novo."),
        ["idempotency-mismatch"] = ("A chave já foi usada para outro pedido", "Use uma nova Idempotency-Key."),
        ["too-many-requests"] = ("Pedidos demais", "Espere o tempo indicado em Retry-After."),
        ["offer-gone"] = ("A oferta não existe mais", "Busque de novo: dumont instance offers"),
        ["no-matching-offer"] = ("Nenhuma oferta corresponde", "Amplie os filtros, por exemplo max_price ou region."),
        ["wrong-state"] = ("O estado da instância não permite isso", "Veja como ela está: dumont instance get <id>"),
        ["insufficient-credit"] = ("Crédito insuficiente", "Recarregue a conta no provedor ou escolha uma oferta mais barata."),
        ["provider-not-configured"] = ("Faltam as credenciais do provedor", "Informe-as: dumont setting update vast_api_key=..."),
        ["provider-unavailable"] = ("O provedor não responde", "Tente de novo depois do tempo indicado em Retry-After."),
        ["unavailable"] = ("Uma parte do servidor está indisponível", "Tente de novo depois do tempo indicado em Retry-After."),
        ["own-machine-unreachable"] = (
            "A máquina não responde",
            "Confira host, porta e firewall: ssh-keyscan -t ed25519 -p <port> <host> deve mostrar uma chave a partir de onde o servidor roda."),
        ["own-machine-host-key-unconfirmed"] = (
            "A chave de host da máquina não foi confirmada", "Compare na própria máquina: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
        ["own-machine-host-key-changed"] = (
            "A máquina mostra outra chave de host",
            "Alguém pode estar no meio do caminho. Se a máquina foi reinstalada, remova-a e inclua-a de novo com a chave nova."),
        ["own-machine-auth-refused"] = (
            "A máquina recusa a chave",
            "Acrescente a linha de: dumont own-machine key, a ~/.ssh/authorized_keys desse usuário, ou envie uma private_key aceita lá."),
        ["own-machine-not-root"] = ("É preciso ser root na máquina", "Inclua-a com user=root ou dê ao usuário sudo sem senha."),
        ["own-machine-unsuitable"] = (
            "A máquina não pode receber instâncias",
            "É preciso Linux com bash, util-linux e openssh-server, o direito de criar namespaces e a porta da instância livre."),
        ["own-machine-in-use"] = ("A máquina está em uso", "Exclua antes a instância, ou desista da reserva dela."),
        ["snapshot-failed"] = (
            "A operação de snapshot falhou", "Corrija o que a mensagem aponta e tente de novo; veja: dumont snapshot operations"),
        ["snapshot-not-usable"] = ("Nada pode ser restaurado desse snapshot", "Escolha um completo: dumont snapshot list"),
        ["recovery-no-snapshot"] = (
            "Não há de onde recuperar",
            "Tire snapshots por agenda: dumont snapshot schedule set <id> every_minutes=60; ou reinicie a máquina: dumont instance resume <id>"),
        ["snapshot-engine-missing"] = ("O motor de snapshots não tem suporte ali", "Escolha o outro motor: dumont storage set engine=dumont"),
        ["storage-incomplete"] = ("As configurações de armazenamento estão incompletas", "Informe o que falta: dumont storage set"),
        ["failover-no-target"] = ("Nada pode assumir", "Veja o que falta: dumont failover readiness <id>"),
        ["failover-running"] = ("Há um failover em andamento", "Espere o fim dele: dumont failover active"),
        ["not-supported"] = ("Sem suporte", "Escolha algo que tenha: dumont failover strategies"),
        ["internal"] = ("Erro interno", "Informe o id do pedido a quem opera o servidor."),
    };

    /// <summary>Codes that have a translation.</summary>
    public static IReadOnlyCollection<string> Translated => InPortuguese.Keys;

    /// <summary>Title and remedy of <paramref name="kind"/>.</summary>
    public static (string Title, string Hint) Of(ProblemKind kind, Language language) =>
        language == Language.Portuguese && InPortuguese.TryGetValue(kind.Code, out var texts) ? texts : (kind.Title, kind.Hint);

    /// <summary>A refusal in one sentence or two, for a page.</summary>
    public static string Of(Ui ui, Problem problem) =>
        problem.Kind == Problems.WrongState || problem.Fields is not null
            ? $"{TitleOf(ui, problem.Kind.Code)}: {(problem.Fields is { } fields ? string.Join(" ", fields.Select(field => OfField(ui, field))) : DetailOf(problem, ui.Language))}"
            : $"{TitleOf(ui, problem.Kind.Code)}. {DetailOf(problem, ui.Language)}";

    /// <summary>What kind of refusal it is.</summary>
    public static string TitleOf(Ui ui, string code) =>
        Problems.All.FirstOrDefault(kind => kind.Code == code) is { } kind ? Of(kind, ui.Language).Title : code;

    /// <summary>What a field must be: the form's own words where it has some, else the server's.</summary>
    public static string OfField(Ui ui, FieldError error) => Texts.Find(ui.Language, $"field.{error.Field}.error") ?? MessageOf(error, ui.Language);

    /// <summary>What a field must be, in the server's words.</summary>
    public static string MessageOf(FieldError error, Language language) => SentenceTexts.Of(error.Message, language);

    /// <summary>What happened this time.</summary>
    public static string DetailOf(Problem problem, Language language) =>
        problem.Detail == problem.Kind.Title ? Of(problem.Kind, language).Title
        : problem.Detail == problem.Kind.Title + "." ? Of(problem.Kind, language).Title + "."
        : SentenceTexts.Of(problem.Detail, language);
}
