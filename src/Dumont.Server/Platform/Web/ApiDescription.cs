using Dumont.Server.Platform.Web.Shell;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Dumont.Server.Platform.Web;

/// <summary>The description of the API: OpenAPI 3.1 at <c>/api/v1/openapi.json</c> and <c>/openapi.json</c>, and a page that lists it at <c>/docs</c>.
/// Made from the routes once, at the first request.</summary>
internal sealed class ApiDescription([FromKeyedServices(ApiDescription.DocumentName)] IOpenApiDocumentProvider documents)
{
    private const string DocumentName = "v1";
    private const string ProblemSchema = "Problem";
    private const string BearerScheme = "bearer";

    private readonly Lock _lock = new();
    private Task<(string Json, IReadOnlyList<DocumentedGroup> Groups)>? _made;

    /// <summary>Registers the generator.</summary>
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<ApiDescription>();
        services.AddOpenApi(DocumentName, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.AddDocumentTransformer(DescribeDocument);
            options.AddOperationTransformer(DescribeOperation);
        });
    }

    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var path in (string[])["/api/v1/openapi.json", "/api/openapi.json", "/openapi.json"])
        {
            routes.MapGet(path, async (ApiDescription description) => Results.Content((await description.ReadAsync()).Json, "application/json; charset=utf-8"))
                .AllowAnonymous().ExcludeFromDescription();
        }

        foreach (var path in (string[])["/docs", "/redoc"])
        {
            routes.MapPages(pages => pages.MapGet(path, ShowAsync).AllowAnonymous());
        }
    }

    private static async Task<IResult> ShowAsync(HttpContext context, ApiDescription description) =>
        Page.Show<DocsPage>(context, new { (await description.ReadAsync()).Groups });

    /// <summary>The description as JSON, and in short for the page.</summary>
    public Task<(string Json, IReadOnlyList<DocumentedGroup> Groups)> ReadAsync()
    {
        lock (_lock)
        {
            return _made ??= MakeAsync();
        }
    }

    private async Task<(string Json, IReadOnlyList<DocumentedGroup> Groups)> MakeAsync()
    {
        var document = await documents.GetOpenApiDocumentAsync(CancellationToken.None);
        return (await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, CancellationToken.None), GroupsOf(document));
    }

    private static Task DescribeDocument(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Dumont",
            Version = "1",
            Description = "Every path is also served under /api. Errors are application/problem+json; what each code means is in docs/problems.md.",
        };
        document.Servers = [];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [BearerScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "An access token from POST /api/v1/auth/login, or an API key (dumont_sk_...).",
            },
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        document.Components.Schemas[ProblemSchema] = Schema();
        return Task.CompletedTask;
    }

    private static Task DescribeOperation(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var description = context.Description;
        var path = "/" + description.RelativePath;
        operation.OperationId ??= (description.HttpMethod ?? "").ToLowerInvariant() + string.Concat(
            path["/api/v1".Length..].Split(['/', '{', '}', '-', ':', '_'], StringSplitOptions.RemoveEmptyEntries).Where(word => word is not "long")
                .Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        operation.Responses ??= [];
        var isPublic = description.ActionDescriptor.EndpointMetadata.OfType<IAllowAnonymous>().Any();
        if (!isPublic)
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [] }];
        }

        foreach (var kind in KindsOf(operation, isPublic))
        {
            operation.Responses.TryAdd(
                kind.Status.ToString(System.Globalization.CultureInfo.InvariantCulture),
                new OpenApiResponse
                {
                    Description = kind.Title,
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference(ProblemSchema, context.Document) },
                    },
                });
        }

        return Task.CompletedTask;
    }

    private static IEnumerable<ProblemKind> KindsOf(OpenApiOperation operation, bool isPublic)
    {
        yield return Problems.BadRequest;
        yield return Problems.Internal;
        yield return Problems.Unavailable;
        if (!isPublic)
        {
            yield return Problems.Unauthorized;
            yield return Problems.Forbidden;
        }

        if (operation.RequestBody is not null)
        {
            yield return Problems.BodyTooLarge;
            yield return Problems.UnsupportedMediaType;
        }

        if (operation.RequestBody is not null || operation.Parameters?.Any(parameter => parameter.In == ParameterLocation.Query) == true)
        {
            yield return Problems.Validation;
        }

        if (operation.Parameters?.Any(parameter => parameter.In == ParameterLocation.Path) == true)
        {
            yield return Problems.NotFound;
        }
    }

    private static OpenApiSchema Schema()
    {
        static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };
        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "RFC 9457, with the members that older clients read.",
            Required = new HashSet<string> { "type", "title", "status", "code", "error", "detail", "hint", "instance", "request_id" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = Text("Stable address of the kind of problem."),
                ["title"] = Text("What kind of problem it is."),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Description = "The HTTP status." },
                ["code"] = Text("Slug of the kind."),
                ["error"] = Text("What happened."),
                ["detail"] = new OpenApiSchema { Description = "What happened; for refused fields the list of them." },
                ["details"] = new OpenApiSchema { Description = "The refused fields: loc, msg, type. Else null." },
                ["errors"] = new OpenApiSchema { Description = "Field to messages. Else null." },
                ["hint"] = Text("What to do about it."),
                ["instance"] = Text("Path of the request."),
                ["request_id"] = Text("For the operator; also in X-Request-Id."),
            },
        };
    }

    private static List<DocumentedGroup> GroupsOf(OpenApiDocument document) =>
    [
        .. from path in document.Paths
           from operation in path.Value.Operations ?? []
           let shown = new DocumentedOperation(
               operation.Key.Method.ToUpperInvariant(), path.Key, operation.Value.Summary ?? "", [.. (operation.Value.Parameters ?? []).Select(each => each.Name ?? "")])
           group shown by operation.Value.Tags?.FirstOrDefault()?.Name ?? "other" into tag
           orderby tag.Key
           select new DocumentedGroup(tag.Key, [.. tag]),
    ];
}

/// <summary>Operations that belong together.</summary>
/// <param name="Name">The tag.</param>
/// <param name="Operations">In the order of the document.</param>
public sealed record DocumentedGroup(string Name, IReadOnlyList<DocumentedOperation> Operations);

/// <summary>One operation in short.</summary>
/// <param name="Method">HTTP's word.</param>
/// <param name="Path">With names of parameters in braces.</param>
/// <param name="Summary">What it does.</param>
/// <param name="Parameters">Of path and query.</param>
public sealed record DocumentedOperation(string Method, string Path, string Summary, IReadOnlyList<string> Parameters);
