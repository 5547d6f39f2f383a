using System.Net;
using System.Text.Json.Nodes;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Http;

namespace Dumont.Server.Tests.Platform.Web;

public sealed class ProblemTextTests
{
    [Fact]
    public void Portuguese_EveryProblem_HasItsOwnTitleAndRemedy()
    {
        Assert.Equal(Problems.All.Select(kind => kind.Code).Order(StringComparer.Ordinal), ProblemTexts.Translated.Order(StringComparer.Ordinal));
        Assert.All(Problems.All, kind =>
        {
            var (title, hint) = ProblemTexts.Of(kind, Language.Portuguese);
            Assert.True(title.Length > 0 && title != kind.Title, kind.Code);
            Assert.True(hint.Length > 0 && hint != kind.Hint, kind.Code);

            // What is typed or sent stays as it is in every language.
            foreach (var word in kind.Hint.Split(' ').Where(word => word.Contains('_') || word.Contains('/') || word == "dumont" || word.StartsWith('<')))
            {
                Assert.Contains(word.Trim('.', ',', ':'), hint, StringComparison.Ordinal);
            }
        });
    }

    [Theory]
    [InlineData(null, "en")]
    [InlineData("", "en")]
    [InlineData("pt-BR", "pt-BR")]
    [InlineData("PT-br", "pt-BR")]
    [InlineData("pt", "pt-BR")]
    [InlineData("pt-PT,en;q=0.5", "pt-BR")]
    [InlineData("en;q=0.4, pt;q=0.6", "pt-BR")]
    [InlineData("en, pt;q=0.9", "en")]
    [InlineData("de, pt;q=0.3", "pt-BR")]
    [InlineData("pt;q=0", "en")]
    [InlineData("de", "en")]
    [InlineData("*", "en")]
    [InlineData("pty", "en")]
    [InlineData("@@;;q=x,,", "en")]
    public void Accepted_Header_IsTheLikedOne(string? header, string language)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.AcceptLanguage = header;

        Assert.Equal(language, Language.Accepted(context.Request).Tag);
    }

    [Fact]
    public async Task Refusal_PortugueseWanted_AnswersInItAndKeepsItsCode()
    {
        await using var server = await TestServer.StartAsync();
        var english = await RefusedAsync(server, "en");
        var portuguese = await RefusedAsync(server, "pt-BR,pt;q=0.9");

        Assert.Equal(("unauthorized", "Unauthorized"), (Text(english, "code"), Text(english, "title")));
        Assert.Equal(("unauthorized", "Não autenticado"), (Text(portuguese, "code"), Text(portuguese, "title")));
        Assert.StartsWith("Entre com: dumont auth login", Text(portuguese, "hint"), StringComparison.Ordinal);
    }

    private static async Task<JsonNode> RefusedAsync(TestServer server, string language)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/instances");
        request.Headers.TryAddWithoutValidation("Accept-Language", language);
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(language.Split(',')[0], Assert.Single(response.Content.Headers.ContentLanguage));
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
    }

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();
}
