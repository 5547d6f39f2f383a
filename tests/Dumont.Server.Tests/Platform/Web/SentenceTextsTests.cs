using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Tests.Platform.Web;

public sealed partial class SentenceTextsTests
{
    [Theory]
    [InlineData("The Email field is required.", "É obrigatório.")]
    [InlineData("The field DurationHours must be between 1 and 8760.", "Deve ser de 1 a 8760.")]
    [InlineData("The field Reason must be a string with a minimum length of 1 and a maximum length of 500.", "Deve ter de 1 a 500 caracteres.")]
    [InlineData("Must be from 10 to 10000.", "Deve ser de 10 a 10000.")]
    [InlineData("There is no scope {1}\n$0. Scopes: a, b.", "Não há o escopo {1}\n$0. Escopos: a, b.")]
    [InlineData("There are 3 API keys already. Revoke one first.", "Já há 3 chaves de API. Revogue uma antes.")]
    [InlineData("Not reachable after 00:15:00.", "Não respondeu em 00:15:00.")]
    [InlineData("Nobody has said this before.", "Nobody has said this before.")]
    public void Of_Sentence_IsToldWithItsFigures(string english, string portuguese)
    {
        Assert.Equal(english, SentenceTexts.Of(english, Language.English));
        Assert.Equal(portuguese, SentenceTexts.Of(english, Language.Portuguese));
    }

    [Fact]
    public void EveryRuleOfTheRequests_IsTold()
    {
        var messages = new[] { typeof(LoginRequest).Assembly, typeof(Problems).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => !type.Name.EndsWith("Options", StringComparison.Ordinal))
            .SelectMany(type => type.GetProperties())
            .SelectMany(property => property.GetCustomAttributes<ValidationAttribute>().Select(rule => rule.FormatErrorMessage(property.Name)))
            .ToList();
        Assert.True(messages.Count > 30);
        Assert.DoesNotContain(messages, IsEnglish);
    }

    [Fact]
    public void EveryFieldMessageOfTheFeatures_IsTold()
    {
        var messages = Directory.EnumerateFiles(ServerFolder(), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => FieldMessage().Matches(File.ReadAllText(file)))
            .Select(match => Hole().Replace(match.Groups[1].Value + match.Groups[2].Value, "7"))
            .ToList();
        Assert.True(messages.Count > 30);
        Assert.DoesNotContain(messages, IsEnglish);
    }

    private static bool IsEnglish(string message) => SentenceTexts.Of(message, Language.Portuguese) == message;

    private static string ServerFolder([CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../../../src/Dumont.Server"));

    [GeneratedRegex("""(?:FieldError|Problems\.Field)\(\s*(?:\$?"[^"]*"|[A-Za-z.\[\]]+),\s*(?:FormattableString\.Invariant\()?\$?"((?:[^"{]|\{[^}]*\})+)"|Require\([^;]*?"[a-z_]+",\s*"([^"]+)"\);""")]
    private static partial Regex FieldMessage();

    [GeneratedRegex(@"\{[^}]*(\([^)]*\))?[^}]*\}")]
    private static partial Regex Hole();
}
