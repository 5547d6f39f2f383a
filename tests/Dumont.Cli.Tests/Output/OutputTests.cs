using System.Text.Json.Nodes;
using Dumont.Cli.Output;

namespace Dumont.Cli.Tests.Output;

public sealed class OutputTests
{
    [Theory]
    [InlineData(80, """
        ID    GPU       N   VRAM     $/H  CPU     RAM      DISK    REL  WHERE
        1001  RTX 4090  1  24 GB  $0.313   16   64 GB  412.5 GB  99.1%  Frankfurt, DE
        1002  RTX 4090  2  24 GB  $0.490   32  128 GB   1800 GB  95.0%  São Paulo, a ve…
        count: 2

        """)]
    [InlineData(120, """
        ID    GPU       N   VRAM     $/H  CPU     RAM      DISK    REL  WHERE                                            DOWN
        1001  RTX 4090  1  24 GB  $0.313   16   64 GB  412.5 GB  99.1%  Frankfurt, DE                                912 Mb/s
        1002  RTX 4090  2  24 GB  $0.490   32  128 GB   1800 GB  95.0%  São Paulo, a very long place name in Brazil   87 Mb/s
        count: 2

        """)]
    public async Task Offers_AtAWidth_FitTheTerminal(int width, string expected)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        cli.Width = width;

        var result = await cli.RunAsync("instance", "offers");

        Assert.All(result.Output.Split('\n'), l => Assert.True(TerminalText.Width(l) <= width, l));
        Assert.Equal(expected, result.Output);
    }

    // A sentence a cell is for reading one at a time.
    [Fact]
    public async Task Strategies_Piped_AreNoWiderThanAScreen()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        var sentence = new string('x', 150);
        server.Answer(
            "GET /api/v1/failover/strategies",
            200,
            $$"""{"strategies":[{"id":"cpu_standby","name":"CPU standby","supported":true,"recovery_time":"{{sentence}}","cost":"{{sentence}}","description":"{{sentence}}"}]}""");

        var table = (await cli.RunAsync("failover", "strategies")).Output;

        Assert.Contains("CPU standby", table, StringComparison.Ordinal);
        Assert.All(table.Split('\n'), line => Assert.InRange(line.Length, 0, 120));
        Assert.Contains(sentence, (await cli.RunAsync("failover", "strategies", "-o", "wide")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offers_Piped_AreNeverCut()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "offers");

        Assert.Contains("a very long place name in Brazil", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.DoesNotContain('\r', result.Output + result.Error);
    }

    [Fact]
    public async Task Json_AnyList_IsTheApisAnswer()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "offers", "-o", "json");

        var answer = JsonNode.Parse(result.Output)!;
        Assert.Equal(2, answer["count"]!.GetValue<int>());
        Assert.Equal("São Paulo, a very long place name in Brazil", answer["offers"]![1]!["geolocation"]!.ToString());
        Assert.Contains("São Paulo", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name", "1001\n1002\n")]
    [InlineData("csv", """
        id,gpu_name,num_gpus,gpu_ram,dph_total,cpu_cores,cpu_ram,disk_space,reliability,geolocation,inet_down,inet_up,cuda_version,verified,machine_id
        1001,RTX 4090,1,24,0.3125,16,64,412.5,0.9912,"Frankfurt, DE",912.4,520,12.8,true,77
        1002,RTX 4090,2,24,0.49,32,128,1800,0.95,"São Paulo, a very long place name in Brazil",87,40,12.4,false,78

        """)]
    public async Task Offers_MachineFormats_AreExact(string format, string expected)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        Assert.Equal(expected, (await cli.RunAsync("instance", "offers", "-o", format)).Output);
    }

    [Fact]
    public async Task NdJson_List_IsOneObjectALine()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        var lines = (await cli.RunAsync("instance", "offers", "-o", "ndjson")).Output.TrimEnd('\n').Split('\n');

        Assert.Equal([1001, 1002], lines.Select(l => JsonNode.Parse(l)!["id"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("offers[0].id", "1001\n")]
    [InlineData(".offers[1].gpu_name", "RTX 4090\n")]
    [InlineData("/offers/1/id", "1002\n")]
    [InlineData("offers[*].id", "1001\n1002\n")]
    [InlineData("count", "2\n")]
    public async Task Query_Path_PicksThePart(string path, string expected)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        Assert.Equal(expected, (await cli.RunAsync("instance", "offers", "--query", path)).Output);
    }

    [Fact]
    public async Task Query_MissingPart_Fails()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        var result = await cli.RunAsync("instance", "offers", "--query", "offers[9].id");

        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task Yaml_Object_QuotesWhatYamlWouldMisread()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        server.Answer("GET /api/v1/balance", 200, """{"a":"yes","b":"x: y","c":"1.0","d":"plain text","e":null,"f":[],"g":["-x",{"h":"2026-11-21"}],"i":1.5}""");

        var result = await cli.RunAsync("balance", "-o", "yaml");

        Assert.Equal("""
            a: "yes"
            b: "x: y"
            c: "1.0"
            d: plain text
            e: null
            f: []
            g:
            - "-x"
            - h: "2026-11-21"
            i: 1.5

            """, result.Output);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a\u001b[31mred\u001b[0mb", "aredb")]
    [InlineData("a\u001b]52;c;aGFja2Vk\u0007b", "ab")]
    [InlineData("a\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\b", "alinkb")]
    [InlineData("a\u001bPdevice\u001b\\b", "ab")]
    [InlineData("a\u009b31mb", "ab")]
    [InlineData("a\u0007\b\rb\u007f", "ab")]
    [InlineData("a\u202eb", "ab")]
    [InlineData("a\u001b", "a")]
    [InlineData("a\u001b]unfinished\nb", "a\nb")]
    [InlineData("é\t中\n", "é\t中\n")]
    public void Clean_EscapeSequences_AreGone(string text, string clean) => Assert.Equal(clean, TerminalText.Clean(text));

    [Theory]
    [InlineData("table")]
    [InlineData("wide")]
    [InlineData("json")]
    [InlineData("yaml")]
    [InlineData("csv")]
    [InlineData("ndjson")]
    [InlineData("name")]
    public async Task List_HostileLabel_ReachesNoTerminal(string format)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        server.ForcedLabel = "x\u001b]52;c;aGFja2Vk\u0007\u009b2Jy\r=z";
        await cli.RunAsync("instance", "create", "offer_id=1", "-q");

        var result = await cli.RunAsync("instance", "list", "-o", format);

        Assert.DoesNotContain(result.Output, c => c is '\u001b' or '\u0007' or '\u009b' or '\r');
    }

    [Fact]
    public async Task Error_HostileDetail_IsCleaned()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        server.Answer("GET /api/v1/balance", 400, FakeServer.ProblemBody(400, "x", "bad\u001b]0;title\u0007 thing", "hint\u001b[2J"));

        var result = await cli.RunAsync("balance");

        Assert.DoesNotContain(result.Error, c => c is '\u001b' or '\u0007');
        Assert.Contains("bad thing", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NO_COLOR", "1", false)]
    [InlineData("CLICOLOR", "0", false)]
    [InlineData("TERM", "dumb", false)]
    [InlineData("TERM", "xterm-256color", true)]
    public async Task Colour_OnATerminal_FollowsTheEnvironment(string name, string value, bool coloured)
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);
        cli.IsTerminal = true;
        cli.Variables["TERM"] = "xterm";
        cli.Variables[name] = value;

        var result = await cli.RunAsync("instance", "offers");

        Assert.Equal(coloured, result.Output.Contains('\u001b', StringComparison.Ordinal));
    }

    [Fact]
    public async Task Associations_Map_IsATable()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        var result = await cli.RunAsync("standby", "associations");

        Assert.Matches(@"(?m)^17 +ready +dumont-17 +europe-west1-b", result.Output);
        Assert.Contains("count: 1", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AgentStatus_Envelope_StandsAboveTheTable()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        Assert.StartsWith("status: healthy\n", (await cli.RunAsync("agent", "status")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Empty_List_SaysZero()
    {
        await using var server = await FakeServer.StartAsync();
        using var cli = await LoggedInAsync(server);

        Assert.Equal("count: 0\n", (await cli.RunAsync("instance", "offers", "gpu_name=none")).Output);
    }

    internal static async Task<CliHarness> LoggedInAsync(FakeServer server)
    {
        var cli = new CliHarness(server.Url);
        await cli.RunAsync("auth", "login", FakeServer.Email, FakeServer.Password);
        return cli;
    }
}
