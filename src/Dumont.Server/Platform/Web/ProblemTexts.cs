namespace Dumont.Server.Platform.Web;

/// <summary>Title and remedy of each kind of refusal in the caller's language. <c>code</c> and field names are never translated, nor is the text that
/// says what happened this time, in which figures and names of the moment stand.</summary>
internal static class ProblemTexts
{
    /// <summary>Tag of the language that is not the default.</summary>
    public const string Portuguese = "pt-BR";

    private const string English = "en";

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
        ["internal"] = ("Erro interno", "Informe o id do pedido a quem opera o servidor."),
    };

    /// <summary>Codes that have a translation.</summary>
    public static IReadOnlyCollection<string> Translated => InPortuguese.Keys;

    /// <summary>The texts of <paramref name="kind"/> in a language of <see cref="LanguageOf"/>.</summary>
    public static (string Title, string Hint) Of(ProblemKind kind, string language) =>
        language == Portuguese && InPortuguese.TryGetValue(kind.Code, out var texts) ? texts : (kind.Title, kind.Hint);

    /// <summary>The language that the caller likes best of those there are; English for one who says nothing that we understand.</summary>
    public static string LanguageOf(HttpRequest request)
    {
        foreach (var wanted in request.GetTypedHeaders().AcceptLanguage.Where(value => value.Quality is not 0).OrderByDescending(value => value.Quality ?? 1))
        {
            var tag = wanted.Value.ToString();
            if (tag == "*" || tag.Split('-')[0].Equals("en", StringComparison.OrdinalIgnoreCase))
            {
                return English;
            }

            if (tag.Split('-')[0].Equals("pt", StringComparison.OrdinalIgnoreCase))
            {
                return Portuguese;
            }
        }

        return English;
    }
}
