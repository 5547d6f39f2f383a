using System.Net;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Routing;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Platform.Web;

/// <summary>What is written about the API agrees with what it does.</summary>
public sealed partial class DocumentTests
{
    /// <summary>After a change that is meant, take the new description over with the command that the failure shows.</summary>
    [Fact]
    public async Task OpenApi_Document_IsTheGoldenOne()
    {
        await using var server = await StartAsync();
        var actual = await server.Client.GetStringAsync("/api/v1/openapi.json", TestContext.Current.CancellationToken);
        var golden = Path.Combine(ProjectDirectory(), "openapi.golden.json");
        var written = Path.Combine(AppContext.BaseDirectory, "openapi.actual.json");
        await File.WriteAllTextAsync(written, actual + "\n", TestContext.Current.CancellationToken);
        var expected = File.Exists(golden) ? await File.ReadAllTextAsync(golden, TestContext.Current.CancellationToken) : "";

        Assert.True(expected == actual + "\n", $"The API's description has changed. Look at the difference; if it is meant:\n  cp {written} {golden}");
    }

    [Fact]
    public async Task OpenApi_Document_IsVersion31AndServedAtEachPath()
    {
        await using var server = await StartAsync();
        foreach (var path in (string[])["/openapi.json", "/api/openapi.json", "/api/v1/openapi.json"])
        {
            var (status, body) = await GetAsync(server.Client, path);
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.StartsWith("3.1", body!["openapi"]!.GetValue<string>(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task OpenApi_Document_HasEveryRouteWithSummaryIdAndProblems()
    {
        await using var server = await StartAsync();
        var (_, document) = await GetAsync(server.Client, "/openapi.json");
        var paths = document!["paths"]!.AsObject();
        var described = paths.SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key} {path.Key}")).ToHashSet();
        var routes = server.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.RoutePattern.RawText!.StartsWith("/api/v1/", StringComparison.Ordinal)
                && endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null)
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Select(method => $"{method.ToLowerInvariant()} {ConstraintOf().Replace(endpoint.RoutePattern.RawText!.TrimEnd('/'), "}")}"))
            .ToHashSet();

        Assert.Equal(routes.Order(), described.Order());
        var operations = paths.SelectMany(path => path.Value!.AsObject().Select(operation => operation.Value!)).ToList();
        Assert.All(operations, operation => Assert.False(string.IsNullOrEmpty(operation["summary"]?.GetValue<string>())));
        Assert.Equal(operations.Count, operations.Select(operation => operation["operationId"]!.GetValue<string>()).Distinct().Count());
        Assert.All(operations, operation => Assert.NotNull(operation["responses"]!["500"]!["content"]!["application/problem+json"]));
        Assert.All(
            operations.Where(operation => operation["security"] is not null), operation => Assert.NotNull(operation["responses"]!["401"]));
    }

    [Theory]
    [InlineData("/docs")]
    [InlineData("/redoc")]
    public async Task Docs_Page_ListsOperationsWithoutInlineScripts(string path)
    {
        await using var server = await StartAsync();
        using var response = await server.Client.GetAsync(path, TestContext.Current.CancellationToken);
        var page = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("POST /api/v1/auth/login", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("<script(?! src=\"/assets/)", page);
    }

    [Fact]
    public async Task Problems_Document_IsTheListInTheCode()
    {
        var document = await File.ReadAllLinesAsync(Path.Combine(ProjectDirectory(), "../../docs/problems.md"), TestContext.Current.CancellationToken);
        var rows = document.Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();

        Assert.Equal(Problems.All.Select(kind => $"| `{kind.Code}` | {kind.Status} | {kind.Title} | {kind.Hint} |"), rows);
    }

    [Fact]
    public void Problems_All_HasEveryFieldOnce()
    {
        var fields = typeof(Problems).GetFields().Where(field => field.FieldType == typeof(ProblemKind)).Select(field => (ProblemKind)field.GetValue(null)!).ToList();

        Assert.Equal(fields.Select(kind => kind.Code).Order(), Problems.All.Select(kind => kind.Code).Order());
        Assert.Equal(fields.Count, fields.Select(kind => kind.Code).Distinct().Count());
    }

    private static string ProjectDirectory([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../.."));

    [GeneratedRegex(@":[a-z]+\}")]
    private static partial Regex ConstraintOf();
}
