using Dumont.Cli.Grammar;
using Dumont.Cli.Help;

namespace Dumont.Cli.Tests.Commands;

public sealed class HelpTests
{
    [Theory]
    [InlineData("en")]
    [InlineData("pt-BR")]
    public async Task Help_OfEveryCommand_ShowsItsExamples(string language)
    {
        using var cli = new CliHarness();
        foreach (var resource in CommandTable.All)
        {
            Assert.Equal(ExitCode.Ok, (await cli.RunAsync(resource.Name, "--help", "--lang", language)).ExitCode);
            foreach (var command in resource.Commands)
            {
                string[] words = [resource.Name, command.Action, command.SubWord ?? ""];
                var result = await cli.RunAsync([.. words.Where(w => w.Length > 0), "--help", "--lang", language]);

                Assert.Equal(ExitCode.Ok, result.ExitCode);
                Assert.All(command.Examples, e => Assert.Contains("dumont " + e, result.Output, StringComparison.Ordinal));
                Assert.Contains("dumont help exit-codes", result.Output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Help_EveryTopic_IsInBothLanguages()
    {
        using var cli = new CliHarness();
        foreach (var topic in HelpTopics.Names)
        {
            var english = await cli.RunAsync("help", topic);
            var portuguese = await cli.RunAsync("help", topic, "--lang", "pt");

            Assert.Equal(ExitCode.Ok, english.ExitCode);
            Assert.NotEqual(english.Output, portuguese.Output);
        }
    }

    [Fact]
    public async Task Help_ExitCodes_NamesEveryCode()
    {
        using var cli = new CliHarness();
        var page = (await cli.RunAsync("help", "exit-codes")).Output;

        Assert.All(Enum.GetValues<ExitCode>(), code => Assert.Matches($@"(?m)^{(int)code} ", page));
    }

    [Theory]
    [InlineData()]
    [InlineData("help")]
    [InlineData("--help")]
    [InlineData("-h")]
    public async Task Help_OfTheProgram_ListsEveryResource(params string[] args)
    {
        using var cli = new CliHarness();

        var result = await cli.RunAsync(args);

        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.All(CommandTable.Resources, r => Assert.Contains($"  {r.Name} ", result.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("no-such-thing")]
    [InlineData("instance", "no-such-thing")]
    [InlineData("help", "no-such-thing")]
    [InlineData("instance", "list", "-o", "xml")]
    [InlineData("instance", "list", "--timeout", "soon")]
    [InlineData("instance", "list", "--base-url", "not a url")]
    [InlineData("api", "FETCH", "/x")]
    [InlineData("completion", "fish")]
    public async Task WrongCommandLine_Always_EndsWithTwo(params string[] args)
    {
        using var cli = new CliHarness();

        var result = await cli.RunAsync(args);

        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("instance", "ins")]
    [InlineData("create", "instance", "cr")]
    [InlineData("gpu_name=", "instance", "offers", "gpu_")]
    [InlineData("region=ASIA", "instance", "offers", "region=A")]
    [InlineData("--max-price", "instance", "offers", "--max")]
    public async Task Complete_Word_OffersTheRest(string expected, params string[] words)
    {
        using var cli = new CliHarness();

        var result = await cli.RunAsync(["__complete", .. words]);

        Assert.Contains(expected, result.Output.Split('\n'));
    }

    [Theory]
    [InlineData("LANG", "pt_BR.UTF-8")]
    [InlineData("DUMONT_LANG", "pt-BR")]
    public async Task Language_FromTheEnvironment_IsPortuguese(string variable, string value)
    {
        using var cli = new CliHarness();
        cli.Variables[variable] = value;

        Assert.StartsWith("erro: ", (await cli.RunAsync("nada")).Error, StringComparison.Ordinal);
    }
}
