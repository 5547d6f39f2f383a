namespace Dumont.Cli.Help;

/// <summary>Pages of <c>dumont help &lt;topic&gt;</c>.</summary>
internal static class HelpTopics
{
    public static readonly string[] Names = ["exit-codes", "environment", "filters", "formatting"];

    public static Text? Find(string name) => name switch
    {
        "exit-codes" => ExitCodes,
        "environment" => Variables,
        "filters" => Filters,
        "formatting" => Formatting,
        _ => default(Text?),
    };

    private static Text ExitCodes => new(
        """
        0    done
        1    the server refused (400), failed (500), or what was waited for went wrong
        2    wrong command line, wrong value (422), or you said no at a prompt
        3    not found (404)
        4    not logged in or not allowed (401, 403)
        5    conflict with the present state (409, 412)
        6    too many requests (429)
        7    server or provider cannot be reached (502, 503, 504, no connection)
        8    still not done after --timeout; it goes on at the server
        9    not enough balance, or a price limit (402)
        130  Ctrl-C

        dumont ssh returns the exit code of the remote command, 255 when the connection failed.
        """,
        """
        0    feito
        1    o servidor recusou (400), falhou (500), ou o que se esperava deu errado
        2    linha de comando errada, valor errado (422), ou você respondeu não
        3    não encontrado (404)
        4    sem sessão ou sem permissão (401, 403)
        5    conflito com o estado atual (409, 412)
        6    requisições demais (429)
        7    servidor ou provedor inacessível (502, 503, 504, sem conexão)
        8    não terminou dentro de --timeout; continua no servidor
        9    saldo insuficiente, ou limite de preço (402)
        130  Ctrl-C

        dumont ssh retorna o código de saída do comando remoto, 255 quando a conexão falhou.
        """);

    private static Text Variables => new(
        """
        DUMONT_BASE_URL   server; also DUMONT_API_URL, DUMONT_SERVER. Default http://127.0.0.1:8767
        DUMONT_TOKEN      token or API key instead of the saved login; also DUMONT_API_KEY
        DUMONT_LOCALCLOUD_URL  local cloud for drills. Default http://127.0.0.1:8780
        DUMONT_LANG       pt-BR or en; else LC_ALL, LC_MESSAGES, LANG
        NO_COLOR          no colours; so do CLICOLOR=0 and TERM=dumb
        HOME              holds .dumont_token and .dumont/

        A flag goes before a variable, a variable before the saved login.
        A saved login is only ever sent to the server that gave it.

        ~/.dumont_token          access token, one line
        ~/.dumont/session.json   renews it
        ~/.dumont/id_ed25519     SSH key for dumont ssh
        ~/.dumont/known_hosts    host keys of your instances
        """,
        """
        DUMONT_BASE_URL   servidor; também DUMONT_API_URL, DUMONT_SERVER. Padrão http://127.0.0.1:8767
        DUMONT_TOKEN      token ou chave de API em vez da sessão salva; também DUMONT_API_KEY
        DUMONT_LOCALCLOUD_URL  nuvem local dos exercícios. Padrão http://127.0.0.1:8780
        DUMONT_LANG       pt-BR ou en; senão LC_ALL, LC_MESSAGES, LANG
        NO_COLOR          sem cores; CLICOLOR=0 e TERM=dumb também
        HOME              contém .dumont_token e .dumont/

        Uma opção vale mais que uma variável, uma variável mais que a sessão salva.
        Uma sessão salva só é enviada ao servidor que a deu.

        ~/.dumont_token          token de acesso, uma linha
        ~/.dumont/session.json   renova o token
        ~/.dumont/id_ed25519     chave SSH do dumont ssh
        ~/.dumont/known_hosts    chaves dos hosts das suas instâncias
        """);

    private static Text Filters => new(
        """
        key=value        text, or what the key's type says: true, 5, 0.50
        key:=JSON        JSON as it stands: ports:=[8080,8888]
        key=@FILE        the file's content; key=\@text is the text @text
        a.b=value        a member: settings.auto_hibernate=true
        ports=1 ports=2  a list
        --key value      the same as key=value; --key and --no-key for true and false
        '{"a": 1}'       the whole body

        instance offers also takes conditions. Quote them, the shell reads < and > itself:
          'gpu_ram>=48'  'dph_total<0.5'  'reliability>=0.98'  'num_gpus==2'
        GPU names may be spelt rtx4090, RTX_4090 or "RTX 4090".
        """,
        """
        key=value        texto, ou o que o tipo da chave diz: true, 5, 0.50
        key:=JSON        JSON como está: ports:=[8080,8888]
        key=@ARQUIVO     o conteúdo do arquivo; key=\@texto é o texto @texto
        a.b=value        um membro: settings.auto_hibernate=true
        ports=1 ports=2  uma lista
        --key value      o mesmo que key=value; --key e --no-key para true e false
        '{"a": 1}'       o corpo inteiro

        instance offers também aceita condições. Use aspas, o shell interpreta < e >:
          'gpu_ram>=48'  'dph_total<0.5'  'reliability>=0.98'  'num_gpus==2'
        Nomes de GPU podem ser rtx4090, RTX_4090 ou "RTX 4090".
        """);

    private static Text Formatting => new(
        """
        -o table    for people; fits the terminal (default)
        -o wide     all columns
        -o json     the API's answer
        -o yaml     the same as YAML
        -o csv      one line a row, the table's fields
        -o ndjson   one JSON object a row
        -o name     ids only
        --query P   one part: instances[0].id, instances[*].label, /instances/0/id

        Data goes to standard output; progress, hints and errors to standard error.
        A command that waited shows the state it waited for.
        """,
        """
        -o table    para pessoas; cabe no terminal (padrão)
        -o wide     todas as colunas
        -o json     a resposta da API
        -o yaml     o mesmo em YAML
        -o csv      uma linha por item, os campos da tabela
        -o ndjson   um objeto JSON por item
        -o name     só ids
        --query P   uma parte: instances[0].id, instances[*].label, /instances/0/id

        Dados vão para a saída padrão; progresso, dicas e erros para a saída de erro.
        Um comando que esperou mostra o estado pelo qual esperou.
        """);
}
