using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class AuthCommands
{
    public static readonly Text Summary = new("Log in and out, and see who you are", "Entra, sai e mostra quem você é");

    private static readonly PositionalSpec Email = new("username", new("e-mail address", "endereço de e-mail"));

    private static readonly PositionalSpec Password = new("password", new("asked for on a terminal when left out", "perguntada no terminal quando omitida"))
    {
        Kind = PositionalKind.Verbatim,
        IsOptional = true,
    };

    private static readonly KeySpec PasswordFromInput = new("password_stdin", KeyType.Boolean, new(
        "read the password from standard input, one line", "lê a senha da entrada padrão, uma linha"));

    public static ResourceSpec Make() => new("auth", Summary,
    [
        new("login", ApiMethod.Post, "/api/v1/auth/login", new("Log in and save the token", "Entra e salva o token"),
            ["auth login user@email.com", "auth login user@email.com --password-stdin < password.txt"])
        {
            Positionals = [Email, Password],
            Keys = [PasswordFromInput],
            Handler = AuthActions.LoginAsync,
        },
        new("register", ApiMethod.Post, "/api/v1/auth/register", new("Create an account and log in", "Cria uma conta e entra"),
            ["auth register user@email.com", "auth register user@email.com name=\"Ada Lovelace\" --password-stdin < password.txt"])
        {
            Positionals = [Email with { Name = "email" }, Password],
            Keys = [PasswordFromInput, new("name", KeyType.Text, new("your name", "seu nome"))],
            Handler = AuthActions.RegisterAsync,
        },
        new("me", ApiMethod.Get, "/api/v1/auth/me", new("Show the logged-in user", "Mostra o usuário da sessão"),
            ["auth me", "auth me -o json"])
        {
            NameField = "user.email",
        },
        new("refresh", ApiMethod.Post, "/api/v1/auth/refresh", new("Renew the token now", "Renova o token agora"),
            ["auth refresh", "auth refresh -q"])
        {
            Handler = AuthActions.RefreshAsync,
        },
        new("logout", ApiMethod.Post, "/api/v1/auth/logout", new("End the session and remove the saved token", "Encerra a sessão e remove o token salvo"),
            ["auth logout", "auth logout -q"])
        {
            Handler = AuthActions.LogoutAsync,
        },
    ]);
}
