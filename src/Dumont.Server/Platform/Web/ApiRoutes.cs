using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.Server.Platform.Web;

/// <summary>Where the API lives and how it writes JSON.</summary>
internal static class ApiRoutes
{
    /// <summary>Versioned base first, then the compatible one; every route is served under both.</summary>
    public static readonly IReadOnlyList<string> Bases = ["/api/v1", "/api"];

    /// <summary>Maps a feature's routes under every base. Routing takes a trailing slash as no slash, so neither form redirects.</summary>
    public static void MapApi(this IEndpointRouteBuilder routes, Action<RouteGroupBuilder> map)
    {
        foreach (var prefix in Bases)
        {
            var group = routes.MapGroup(prefix);
            if (prefix != Bases[0])
            {
                group.ExcludeFromDescription();
            }

            map(group);
        }
    }

    /// <summary>snake_case members and enum words, nulls written, unknown members ignored, constructor parameters required.</summary>
    public static IServiceCollection AddApiJson(this IServiceCollection services) =>
        services.ConfigureHttpJsonOptions(options =>
        {
            var json = options.SerializerOptions;
            json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.DictionaryKeyPolicy = null;
            json.NumberHandling = JsonNumberHandling.AllowReadingFromString;
            json.RespectNullableAnnotations = true;
            json.RespectRequiredConstructorParameters = true;
            json.MaxDepth = 32;
            json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        });
}
